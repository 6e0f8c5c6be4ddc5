/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files that write completions, one for each shell, share. */
#ifndef DAXFSCTL_COMPLETION_H
#define DAXFSCTL_COMPLETION_H

#include <stdbool.h>
#include <stddef.h>

#include "applet.h"

#define COMPLETION_NOTICE                           \
	"# SPDX-License-Identifier: GPL-2.0-only\n" \
	"# Generated from the applet table by `make completions`; edits here are lost.\n"

/* Where daxfsctl is, for those who type its whole path, or sudo before it. */
#define COMPLETION_SBIN ":/usr/local/sbin:/usr/sbin:/sbin"


/* What a SOURCE starts with that is no path: the others never name a file. */
#define COMPLETION_NO_PATH "phys:|UUID=|LABEL="

/* What a shell can offer for a placeholder. */
enum kind {
	KIND_NOTHING,
	KIND_FILE,
	KIND_DIRECTORY,
	KIND_WORD,
	KIND_BRANCH,
	KIND_MOUNT,	/* a directory: branches are those of the daxfs mounted there */
	KIND_SOURCE,	/* a file: branches are those of this image or mount point */
	KIND_LIST,	/* of mount options: the value of one is a branch */
};

/* ---- what the table says ---- */

/* Has the row a place where a branch is wanted? */
bool completion_has_branches(const struct applet *a);
/* Of a placeholder of an operand, which may say whose branches are meant. */
enum kind completion_kind(const struct applet *a, const char *placeholder, size_t len);
/* The same of an option's argument. */
enum kind completion_option_kind(const struct applet *a, const struct applet_option *o);
const char *completion_kind_name(enum kind kind);
/* The next operand of a row: 0 after the last one, else its length. */
size_t completion_next_operand(const char **operand, size_t len);
int completion_count_operands(const char *operand);
/* The most operands that any of an applet's words has. */
int completion_most_after(const struct applet *a);
/*
 * Steps through the options of a row, from NULL to NULL, --help included: the
 * table leaves it to main.c, except where the letter or name is taken.
 */
const struct applet_option *completion_next_option(const struct applet *a,
						   const struct applet_option *o);
bool completion_has_letter(const struct applet_option *o);
const char *completion_option_help(const struct applet *a, const struct applet_option *o);
/* Calls "put" for each row after whose name something can be completed. */
void completion_for_each_row(void (*put)(const struct applet *a));

/* ---- what is printed of it ---- */

/* What stands between single quotes; each of "special" gets a backslash. */
void completion_put_quoted(const char *text, const char *special, const char *quote);
/* The names that lead to an applet, as the patterns of a shell's case. */
void completion_put_links(const struct applet *a, const char *between);
void completion_put_all_links(const char *before);
void completion_put_names(const struct applet *table);
/* The names of the options of one kind and the numbers of such operands, a blank before each. */
void completion_put_all_of(const struct applet *a, enum kind kind);

/* ---- the shells ---- */

void completion_bash(void);
void completion_zsh(void);
void completion_fish(void);

#endif
