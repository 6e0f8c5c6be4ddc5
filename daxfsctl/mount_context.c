// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's mount API: fsopen, fsconfig, fsmount, move_mount, and the log in
 * which the filesystem says why it refuses. Prints nothing.
 */
#include "mount_context.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

/* Adds a line to *text. Without memory the kernel's words are lost, its errno is not. */
static void add_line(char **text, const char *line)
{
	char *longer;

	if (asprintf(&longer, "%s%s%s", *text ? *text : "", *text ? "\n" : "", line) < 0)
		return;
	free(*text);
	*text = longer;
}

/* Each read() gives one line, "e daxfs: what is wrong"; e, w or i. */
static void drain_log(struct mount_context *ctx)
{
	char buf[1024];
	ssize_t n;

	if (ctx->fs < 0)
		return;
	while ((n = read(ctx->fs, buf, sizeof(buf) - 1)) > 0 ||
	       (n < 0 && (errno == EINTR || errno == EMSGSIZE))) {
		char *text = buf + 2;

		if (n < 3 || buf[1] != ' ')
			continue;
		buf[n] = '\0';
		if (buf[n - 1] == '\n')
			buf[n - 1] = '\0';
		if (strncmp(text, "daxfs: ", 7) == 0)
			text += 7;
		if (buf[0] == 'e')
			add_line(&ctx->errors, text);
		else if (buf[0] == 'w')
			add_line(&ctx->warnings, text);
	}
}

/* The end of every call: err is -1 with errno, or a result. */
static int settle(struct mount_context *ctx, int result)
{
	int err = result < 0 ? -errno : 0;

	drain_log(ctx);
	return err;
}

int mount_context_open(struct mount_context *ctx, const char *type)
{
	memset(ctx, 0, sizeof(*ctx));
	ctx->mount = -1;
	ctx->fs = fsopen(type, FSOPEN_CLOEXEC);
	return ctx->fs < 0 ? -errno : 0;
}

int mount_context_pick(struct mount_context *ctx, const char *path)
{
	memset(ctx, 0, sizeof(*ctx));
	ctx->mount = -1;
	ctx->fs = fspick(AT_FDCWD, path, FSPICK_CLOEXEC);
	return ctx->fs < 0 ? -errno : 0;
}

int mount_context_set(struct mount_context *ctx, const char *key, const char *value)
{
	return settle(ctx,
		      fsconfig(ctx->fs, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG,
			       key, value, 0));
}

int mount_context_set_fd(struct mount_context *ctx, const char *key, int fd)
{
	return settle(ctx, fsconfig(ctx->fs, FSCONFIG_SET_FD, key, NULL, fd));
}

int mount_context_create(struct mount_context *ctx, uint64_t attributes)
{
	int err;

	err = settle(ctx, fsconfig(ctx->fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0));
	if (err)
		return err;
	/* Whatever is asked for, times of access stay; so that is what is shown. */
	attributes = (attributes & ~(uint64_t)MOUNT_ATTR__ATIME) | MOUNT_ATTR_NOATIME;
	ctx->mount = fsmount(ctx->fs, FSMOUNT_CLOEXEC, (unsigned int)attributes);
	return settle(ctx, ctx->mount);
}

int mount_context_attach(struct mount_context *ctx, const char *path)
{
	return settle(ctx, move_mount(ctx->mount, "", AT_FDCWD, path,
				      MOVE_MOUNT_F_EMPTY_PATH));
}

int mount_context_reconfigure(struct mount_context *ctx)
{
	return settle(ctx, fsconfig(ctx->fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0));
}

void mount_context_close(struct mount_context *ctx)
{
	if (ctx->mount >= 0)
		close(ctx->mount);
	if (ctx->fs >= 0)
		close(ctx->fs);
	free(ctx->errors);
	free(ctx->warnings);
	ctx->errors = NULL;
	ctx->warnings = NULL;
	ctx->mount = -1;
	ctx->fs = -1;
}
