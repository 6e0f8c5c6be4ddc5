// SPDX-License-Identifier: GPL-2.0-only
/* Sorts mount options. Calls no kernel. */
#include "mount_optstr.h"

#include <errno.h>
#include <libmount.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

/* Missing from the headers of glibc 2.36 */
#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif

#define SECURE (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)

/* Options that are attributes of one mount, not of the filesystem. */
static const struct {
	const char *name;
	uint64_t set;
	uint64_t clear;
} attributes[] = {
	{ "ro", MOUNT_ATTR_RDONLY, 0 },
	{ "rw", 0, MOUNT_ATTR_RDONLY },
	{ "nosuid", MOUNT_ATTR_NOSUID, 0 },
	{ "suid", 0, MOUNT_ATTR_NOSUID },
	{ "nodev", MOUNT_ATTR_NODEV, 0 },
	{ "dev", 0, MOUNT_ATTR_NODEV },
	{ "noexec", MOUNT_ATTR_NOEXEC, 0 },
	{ "exec", 0, MOUNT_ATTR_NOEXEC },
	{ "nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0 },
	{ "symfollow", 0, MOUNT_ATTR_NOSYMFOLLOW },
	{ "relatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME },
	{ "norelatime", 0, MOUNT_ATTR__ATIME },
	{ "noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME },
	{ "atime", 0, MOUNT_ATTR__ATIME },
	{ "strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME },
	{ "nostrictatime", 0, MOUNT_ATTR__ATIME },
	{ "nodiratime", MOUNT_ATTR_NODIRATIME, 0 },
	{ "diratime", 0, MOUNT_ATTR_NODIRATIME },
	/* Who may mount and what that takes away, as in mount(8). */
	{ "user", SECURE | MOUNT_ATTR_NOEXEC, 0 },
	{ "users", SECURE | MOUNT_ATTR_NOEXEC, 0 },
	{ "owner", SECURE, 0 },
	{ "group", SECURE, 0 },
};

/* For mount(8), systemd and people; a '*' stands for any end. */
static const char *const dropped[] = {
	"nofail", "_netdev", "defaults", "auto",    "noauto", "user*", "nouser",
	"owner",  "noowner", "group",	 "nogroup", "x-*",    "X-*",   "comment",
	"helper", "uhelper", "silent",	 "loud",    "quiet",
};

static bool name_matches(const char *pattern, const char *name)
{
	size_t len = strlen(pattern);

	if (pattern[len - 1] == '*')
		return strncmp(pattern, name, len - 1) == 0;
	return strcmp(pattern, name) == 0;
}

static bool is_dropped(const char *name)
{
	for (size_t i = 0; i < sizeof(dropped) / sizeof(dropped[0]); i++)
		if (name_matches(dropped[i], name))
			return true;
	return false;
}

/* Is it an attribute? Then it is in opts now. */
static bool take_attribute(struct mount_optstr *opts, const char *name)
{
	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
		if (strcmp(attributes[i].name, name) != 0)
			continue;
		opts->attributes &= ~attributes[i].clear;
		opts->attributes |= attributes[i].set;
		opts->cleared |= attributes[i].set | attributes[i].clear;
		return true;
	}
	return false;
}

static struct mount_setting *find_setting(const struct mount_optstr *opts,
					  const char *key)
{
	for (size_t i = 0; i < opts->count; i++)
		if (strcmp(opts->settings[i].key, key) == 0)
			return &opts->settings[i];
	return NULL;
}

const struct mount_setting *mount_optstr_find(const struct mount_optstr *opts,
					      const char *key)
{
	return find_setting(opts, key);
}

int mount_optstr_set(struct mount_optstr *opts, const char *key, const char *value)
{
	struct mount_setting *setting = find_setting(opts, key);
	char *copy = NULL;

	if (value) {
		copy = strdup(value);
		if (!copy)
			return -ENOMEM;
	}
	if (!setting) {
		setting = reallocarray(opts->settings, opts->count + 1, sizeof(*setting));
		if (!setting)
			goto free_copy;
		opts->settings = setting;
		setting += opts->count;
		setting->value = NULL;
		setting->key = strdup(key);
		if (!setting->key)
			goto free_copy;
		opts->count++;
	}
	free(setting->value);
	setting->value = copy;
	return 0;

free_copy:
	free(copy);
	return -ENOMEM;
}

static void drop_setting(struct mount_optstr *opts, const char *key)
{
	struct mount_setting *setting = find_setting(opts, key);

	if (!setting)
		return;
	free(setting->key);
	free(setting->value);
	*setting = opts->settings[--opts->count];
}

/* ro and rw are of the mount and of the filesystem, and exclude each other. */
static int set_read_only(struct mount_optstr *opts, const char *name)
{
	bool ro = strcmp(name, "ro") == 0;

	drop_setting(opts, ro ? "rw" : "ro");
	return mount_optstr_set(opts, name, NULL);
}

static int add_one(struct mount_optstr *opts, const char *name, const char *value)
{
	if (strcmp(name, "remount") == 0) {
		opts->remount = true;
		return 0;
	}
	if (!value && take_attribute(opts, name)) {
		if (strcmp(name, "ro") == 0 || strcmp(name, "rw") == 0)
			return set_read_only(opts, name);
		return 0;
	}
	if (is_dropped(name))
		return 0;
	return mount_optstr_set(opts, name, value);
}

/* A value may stand in quotes, as mount(8) writes contexts. */
static char *copy_value(const char *value, size_t len)
{
	if (len >= 2 && value[0] == '"' && value[len - 1] == '"') {
		value++;
		len -= 2;
	}
	return strndup(value, len);
}

/* libmount takes an option whose quote does not end as it is. */
static bool has_open_quote(const char *text)
{
	bool open = false;

	for (; *text; text++)
		if (*text == '"')
			open = !open;
	return open;
}

int mount_optstr_add(struct mount_optstr *opts, const char *text)
{
	char *cursor = (char *)text; /* libmount moves it and changes nothing */
	char *name, *value;
	size_t name_len, value_len;
	int rc;

	if (has_open_quote(text))
		return -EINVAL;
	while ((rc = mnt_optstr_next_option(&cursor, &name, &name_len, &value,
					    &value_len)) == 0) {
		char *name_copy = strndup(name, name_len);
		char *value_copy = value ? copy_value(value, value_len) : NULL;

		rc = -ENOMEM;
		if (name_copy && (!value || value_copy))
			rc = add_one(opts, name_copy, value_copy);
		free(name_copy);
		free(value_copy);
		if (rc)
			return rc;
	}
	return rc < 0 ? rc : 0;
}

void mount_optstr_free(struct mount_optstr *opts)
{
	for (size_t i = 0; i < opts->count; i++) {
		free(opts->settings[i].key);
		free(opts->settings[i].value);
	}
	free(opts->settings);
	opts->settings = NULL;
	opts->count = 0;
}
