/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A mount being made with the kernel's mount API: it exists nowhere until
 * mount_context_attach() has succeeded, whatever failed before.
 */
#ifndef DAXFSCTL_MOUNT_CONTEXT_H
#define DAXFSCTL_MOUNT_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>

struct mount_context {
	int fs;			/* from fsopen() or fspick() */
	int mount;		/* from fsmount(), not yet attached; -1: none */
	char *errors;		/* what the kernel said is wrong, lines, owned; NULL: nothing */
	char *warnings;		/* what it said besides */
};

/* Each returns 0 or -errno; mount_context_close() is right after any of them. */
int mount_context_open(struct mount_context *ctx, const char *type);
/* For a change of options of what is mounted at path. */
int mount_context_pick(struct mount_context *ctx, const char *path);
/* value is NULL for a flag. */
int mount_context_set(struct mount_context *ctx, const char *key, const char *value);
int mount_context_set_fd(struct mount_context *ctx, const char *key, int fd);
/* Makes the superblock and a mount with these MOUNT_ATTR_*. */
int mount_context_create(struct mount_context *ctx, uint64_t attributes);
int mount_context_attach(struct mount_context *ctx, const char *path);
int mount_context_reconfigure(struct mount_context *ctx);
void mount_context_close(struct mount_context *ctx);

#endif
