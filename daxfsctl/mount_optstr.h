/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * "-o ro,nosuid,phys=0x100000000": sorted by who they are for. Some are for
 * the mount (attributes), some for the kernel's daxfs (settings), some for
 * mount(8) and systemd only (dropped).
 */
#ifndef DAXFSCTL_MOUNT_OPTSTR_H
#define DAXFSCTL_MOUNT_OPTSTR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Every attribute that an option can decide */
#define MOUNT_OPTSTR_ALL_ATTRIBUTES                                              \
	(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |              \
	 MOUNT_ATTR_NOEXEC | MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME)

struct mount_setting {
	char *key;
	char *value;		/* NULL: a flag */
};

struct mount_optstr {
	uint64_t attributes;	/* MOUNT_ATTR_* to set */
	uint64_t cleared;	/* MOUNT_ATTR_* that the options decide; for a remount */
	struct mount_setting *settings;
	size_t count;
	bool remount;
};

/* Adds what text says; later options win. 0, -EINVAL (unbalanced quotes), -ENOMEM. */
int mount_optstr_add(struct mount_optstr *opts, const char *text);
/* The setting, or NULL. */
const struct mount_setting *mount_optstr_find(const struct mount_optstr *opts,
					      const char *key);
/* Replaces or adds one. 0 or -ENOMEM. */
int mount_optstr_set(struct mount_optstr *opts, const char *key, const char *value);
void mount_optstr_free(struct mount_optstr *opts);

#endif
