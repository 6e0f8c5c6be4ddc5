// SPDX-License-Identifier: GPL-2.0-only
/* Keeps the option. Knows nothing of images, and mounts nothing. */
#include "writeback.h"

#include <errno.h>
#include <libmount.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTION "x-daxfs.write-back"

bool writeback_can_keep(const char *path)
{
	if (path[0] != '/' || strlen(path) >= PATH_MAX)
		return false;
	/* What separates options, or quotes them; and what is no text in the file. */
	for (const char *p = path; *p; p++)
		if (*p == ',' || *p == '"' || *p == '\\' || (unsigned char)*p < 0x21 || *p == 0x7f)
			return false;
	return true;
}

/* The value of a word KEY=VALUE of a line of utab, which the caller frees, or NULL. */
static char *word_of(const char *line, const char *key)
{
	size_t n = strlen(key);
	const char *at = line;

	while (at && strncmp(at, key, n) != 0) {
		at = strchr(at, ' ');
		at += at != NULL;
	}
	return at ? mnt_unmangle(at + n) : NULL;
}

/*
 * libmount itself only finds the line of a mount whose source is still the one
 * of the line, but what a daxfs calls its source names the branch that is shown.
 */
char *writeback_path(const char *target)
{
	const char *utab = getenv("LIBMOUNT_UTAB");
	FILE *file = fopen(utab ? utab : "/run/mount/utab", "re");
	char *line = NULL, *path = NULL;
	size_t room = 0, len;

	while (file && !path && getline(&line, &room, file) > 0) {
		char *where, *options, *value;

		line[strcspn(line, "\n")] = '\0';
		where = word_of(line, "TARGET=");
		options = word_of(line, "OPTS=");
		if (where && options && strcmp(where, target) == 0 &&
		    mnt_optstr_get_option(options, OPTION, &value, &len) == 0 && value)
			path = strndup(value, len);
		free(where);
		free(options);
	}
	free(line);
	if (file)
		fclose(file);
	return path;
}

/* fs: what is mounted; NULL: nothing is there any more. */
static int update(const char *target, struct libmnt_fs *fs)
{
	struct libmnt_update *update = mnt_new_update();
	int err = update ? mnt_update_set_fs(update, 0, fs ? NULL : target, fs) : -ENOMEM;

	/* 1: there is no utab to be written. */
	if (!err)
		err = mnt_update_table(update, NULL);
	mnt_free_update(update);
	return err > 0 ? -EROFS : err;
}

void writeback_forget(const char *target)
{
	char *path;

	while ((path = writeback_path(target))) {
		free(path);
		if (update(target, NULL))
			break;
	}
}

int writeback_set(const char *target, const char *source, const char *path)
{
	struct libmnt_fs *fs = mnt_new_fs();
	char *options = NULL;
	int err = -ENOMEM;

	/* Else libmount would put it behind what the last mount there has left. */
	writeback_forget(target);
	if (fs && asprintf(&options, "%s=%s", OPTION, path) >= 0) {
		err = mnt_fs_set_source(fs, source);
		if (!err)
			err = mnt_fs_set_target(fs, target);
		if (!err)
			err = mnt_fs_set_root(fs, "/");
		if (!err)
			err = mnt_fs_set_options(fs, options);
		if (!err)
			err = update(NULL, fs);
		free(options);
	}
	mnt_unref_fs(fs);
	return err;
}
