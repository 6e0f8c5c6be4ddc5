/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the inspect applet share. All of them print and return an exit status. */
#ifndef DAXFSCTL_INSPECT_H
#define DAXFSCTL_INSPECT_H

#include <stdbool.h>

#include "branch_view.h"
#include "contents.h"
#include "image.h"
#include "json.h"

struct inspect {
	const char *source;	/* as given */
	struct image img;
	bool json;
	bool bytes;		/* sizes as plain numbers */
	bool details;		/* ls -l */
	bool recursive;		/* ls -R */
	bool udev;		/* --udev */
	const char *directory;	/* extract -C */
	const char *branch;	/* --branch; NULL: not given */
	bool from_copy;		/* the superblock cannot be read, its copy was */
	/* While files are shown, see inspect_show(): */
	struct branch_view view;
	struct contents from;	/* the branch, or the base alone */
	bool incomplete;	/* something was said that is wrong with them */
};

/* inspect_super.c */
int inspect_super(struct inspect *in);
/* The same through a mount. */
int inspect_mount(struct inspect *in);

/* inspect_udev.c: knows devices and files only; no struct inspect, as nothing is mapped. */
int inspect_udev(const char *device);

/* inspect_contents.c */
/*
 * Calls show() with in->from open; an exit status. What is wrong with a log is said,
 * and what is before shown. EXIT_FAILED, not EXIT_OK, when in->incomplete.
 */
int inspect_show(struct inspect *in, const char *path,
		 int (*show)(struct inspect *in, const char *path));

/* inspect_ls.c */
int inspect_ls(struct inspect *in, const char *path);

/* inspect_file.c */
int inspect_stat(struct inspect *in, const char *path);
int inspect_cat(struct inspect *in, const char *path);
int inspect_extents(struct inspect *in, const char *path);

/* inspect_extract.c */
int inspect_extract(struct inspect *in, const char *path);

/* inspect_log.c */
int inspect_log(struct inspect *in, const char *branch);

/* inspect_layout.c */
int inspect_layout(struct inspect *in, const char *operand);

/* inspect_text.c: what all of them say alike */

/* path_lookup() in in->from, with a message when it fails; an exit status. */
int inspect_lookup(struct inspect *in, const char *path, bool follow,
		   struct dxc_file *file);
/* "SOURCE: PATH: what is wrong" for err and, when the media is at fault, f. */
void inspect_complain(const struct inspect *in, const char *path, int err,
		      const struct dxc_finding *f);
/* A size as the options want it, in buf, which it returns. */
char *inspect_size(const struct inspect *in, u64 size, char *buf, size_t n);
/* "drwxr-xr-x" */
#define INSPECT_MODE_LEN 11
void inspect_mode(u32 mode, char text[INSPECT_MODE_LEN]);
/* "directory", for people and JSON alike */
const char *inspect_type(u32 mode);
/* What all verbs say of an inode in JSON; its type under the name type. */
void inspect_attr_json(struct json *json, const char *type, const struct dxc_attr *attr);
/* "2026-01-31 12:00:00 +0000", UTC */
char *inspect_time(s64 seconds, char *buf, size_t n);
/* A label or name in a form that is fit to be shown; the caller frees. */
char *inspect_label(const char *label);

#endif
