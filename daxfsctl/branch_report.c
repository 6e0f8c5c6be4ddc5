// SPDX-License-Identifier: GPL-2.0-only
/*
 * daxfsctl branch diff: what a branch changed, for people and as JSON. Names in
 * an image are anybody's bytes: to a terminal they go escaped.
 */
#include "branch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "applet.h"
#include "branch_diff.h"
#include "branch_view.h"
#include "escape.h"
#include "image.h"
#include "json.h"
#include "message.h"

static const char *kind_name(enum diff_kind kind)
{
	switch (kind) {
	case DIFF_DELETED:
		return "deleted";
	case DIFF_ADDED:
		return "added";
	case DIFF_MODIFIED:
		return "modified";
	case DIFF_RENAMED:
		return "renamed";
	}
	return "unknown";
}

static void print_path(const char *path, bool escapes)
{
	char *line = escapes ? escape_line(path, strlen(path)) : NULL;

	if (escapes)
		fputs(line ? line : "?", stdout);
	else
		fputs(path, stdout);
	free(line);
}

static void print_change(const struct diff_change *ch, bool stat, bool escapes)
{
	printf("%c ", ch->kind);
	if (stat)
		printf("%12" PRIu64 " %12" PRIu64 " ", ch->old_size, ch->size);
	if (ch->old_path) {
		print_path(ch->old_path, escapes);
		fputs(" -> ", stdout);
	}
	print_path(ch->path, escapes);
	putchar('\n');
	if (ch->kind == DIFF_RENAMED && ch->modified) {
		struct diff_change also = *ch;

		also.kind = DIFF_MODIFIED;
		also.old_path = NULL;
		print_change(&also, stat, escapes);
	}
}

static void print_summary(const struct diff *diff)
{
	size_t deleted = 0, added = 0, modified = 0, renamed = 0;
	int64_t bytes = 0;

	for (size_t i = 0; i < diff->count; i++) {
		const struct diff_change *ch = &diff->changes[i];

		deleted += ch->kind == DIFF_DELETED;
		added += ch->kind == DIFF_ADDED;
		modified += ch->kind == DIFF_MODIFIED || ch->modified;
		renamed += ch->kind == DIFF_RENAMED;
		/* Wraps where an image claims more than there can be. */
		bytes = (int64_t)((uint64_t)bytes + ch->size - ch->old_size);
	}
	printf("%zu deleted, %zu added, %zu modified, %zu renamed, %+" PRId64 " bytes\n",
	       deleted, added, modified, renamed, bytes);
}

static void print_json(const struct diff *diff)
{
	struct json json;

	json_begin(&json, stdout, "changes");
	for (size_t i = 0; i < diff->count; i++) {
		const struct diff_change *ch = &diff->changes[i];

		json_open_object(&json, NULL);
		json_text(&json, "change", kind_name(ch->kind));
		json_bytes(&json, "path", ch->path, strlen(ch->path));
		if (ch->old_path) {
			json_bytes(&json, "old_path", ch->old_path, strlen(ch->old_path));
			json_bool(&json, "modified", ch->modified);
		}
		if (ch->old_ino)
			json_number(&json, "old_size", ch->old_size);
		if (ch->ino)
			json_number(&json, "size", ch->size);
		json_close(&json, '}');
	}
	json_end(&json);
}

static int complain(const char *what, int err, const struct dxc_finding *f)
{
	struct image wrong = { .finding = *f };
	char *text;

	switch (-err) {
	case ENOENT:
		message_error("%s: there is no such branch", what);
		return EXIT_NOT_FOUND;
	case ESTALE:
		message_error("%s: is gone, or changed while it was read", what);
		return EXIT_REFUSED;
	case EROFS:
		message_error("%s: the image has no branches", what);
		return EXIT_REFUSED;
	}
	text = f->code == DXC_OK ? NULL : image_strerror(&wrong, err);
	message_error("%s: %s", what, text ? text : strerror(-err));
	free(text);
	return f->code == DXC_SB_SHORT || f->code == DXC_SB_MAGIC ? EXIT_NOT_FOUND :
								    EXIT_FAILED;
}

/* Compares branch name in a mapped region with its parent, and prints. */
static int report(const struct source *src, const char *about, const char *name,
		  bool stat, bool as_json)
{
	bool escapes = isatty(STDOUT_FILENO);
	struct branch_view view;
	struct diff diff = { 0 };
	int err, status = EXIT_OK;

	err = branch_view_open(&view, src->map, src->size, name);
	if (!err)
		err = diff_views(view.below, view.top, &diff, &view.finding);
	if (err) {
		/* Of an image it is the image that is wrong, not the branch. */
		status = complain(err == -ENOENT ? name : about, err, &view.finding);
	} else if (as_json) {
		print_json(&diff);
	} else {
		for (size_t i = 0; i < diff.count; i++)
			print_change(&diff.changes[i], stat, escapes);
		if (stat)
			print_summary(&diff);
	}
	diff_free(&diff);
	branch_view_close(&view);
	return status;
}

static int report_on(struct branch_mount *bm, const char *name, bool stat, bool as_json)
{
	struct source src = { .kind = SOURCE_MOUNT };
	int err, status;

	/* What the kernel has not yet written down: times of files. */
	syncfs(bm->fd);
	src.fd = dup(bm->fd);
	err = src.fd < 0 ? -errno : source_map_mount(&src);
	if (!err) {
		status = report(&src, name, name, stat, as_json);
	} else {
		message_error("%s: its memory cannot be read: %s", bm->path,
			      err == -EPERM || err == -EACCES ? "only root may do that" :
								strerror(-err));
		status = err == -EPERM || err == -EACCES ? EXIT_REFUSED : EXIT_FAILED;
	}
	source_close(&src);
	return status;
}

int branch_report_mount(struct branch_mount *bm, const char *name)
{
	return report_on(bm, name, false, false);
}

/* An image that is not mounted, or a mount point in place of one. */
static int diff_source(const struct branch_args *args)
{
	const char *name = args->names[0] ? args->names[0] : "main";
	struct image img;
	char *text;
	int err, status;

	err = image_open(&img, args->source);
	if (err) {
		text = image_strerror(&img, err);
		message_error("%s: %s", args->source, text ? text : strerror(-err));
		free(text);
		return err == -ENOENT || img.finding.code == DXC_SB_SHORT ||
				       img.finding.code == DXC_SB_MAGIC ?
			       EXIT_NOT_FOUND :
			       EXIT_FAILED;
	}
	if (img.src.kind == SOURCE_MOUNT) {
		struct branch_args mounted = *args;

		image_close(&img);
		mounted.mount = args->source;
		mounted.source = NULL;
		return cmd_branch_diff(&mounted);
	}
	status = report(&img.src, args->source, name, args->stat, args->json);
	image_close(&img);
	return status;
}

int cmd_branch_diff(const struct branch_args *args)
{
	const struct daxfs_branch_info *br;
	struct branch_mount bm;
	int status;

	if (args->source)
		return diff_source(args);
	status = branch_mount_open(&bm, args->mount);
	if (!status) {
		br = branch_operand(&bm, args->names[0]);
		status = br ? report_on(&bm, br->di_name, args->stat, args->json) :
			      EXIT_NOT_FOUND;
	}
	branch_mount_close(&bm);
	return status;
}
