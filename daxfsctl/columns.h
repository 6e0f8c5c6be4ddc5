/* SPDX-License-Identifier: GPL-2.0-only */
/* Tables whose columns the user chooses, by the letters of lsblk(8). */
#ifndef DAXFSCTL_COLUMNS_H
#define DAXFSCTL_COLUMNS_H

#include <libsmartcols.h>
#include <stdbool.h>
#include <stddef.h>

#define COLUMNS_MAX 16

/* One that a table can have; a row without a name ends an array of them. */
struct table_column {
	const char *name;
	int flags;	/* SCOLS_FL_* */
};

/* Those that are shown. */
struct columns {
	size_t shown[COLUMNS_MAX];	/* indexes, in the order of the table */
	size_t count;
};

bool columns_has(const struct columns *chosen, size_t column);
/* The first count columns. */
void columns_first(struct columns *chosen, size_t count);
/*
 * Those that a list names, separated by commas; one that is named twice is
 * shown once. 0, or -EINVAL with the name that is no column in *bad, *len bytes.
 */
int columns_choose(struct columns *chosen, const struct table_column *all, const char *list,
		   const char **bad, size_t *len);

/*
 * The text of a cell, "" at first, with one more line, which is made fit to be
 * shown. text is freed. NULL without memory.
 */
char *columns_add_line(char *text, const char *line);

struct table_form {
	bool raw, pairs, no_headings;
};

/* What all applets with tables are asked by -o, -O, -J, -b, and -P, -r, -n. */
struct table_options {
	const char *chosen;	/* columns; NULL: not given */
	bool all, json, bytes;
	struct table_form form;
};

/* Takes one of these letters; false: it is none of them. */
bool table_take_option(struct table_options *options, int letter, const char *argument);
/* Which of them exclude each other, in words; NULL: none that were given. */
const char *table_contradiction(const struct table_options *options);

/*
 * An empty table, whose cells are fit to be shown already (escape_cell()): all
 * tables start as this. NULL without memory.
 */
struct libscols_table *columns_new_table(void);

/* The same with these columns; a cell may have several lines. */
struct libscols_table *columns_table(const struct columns *chosen,
				     const struct table_column *all,
				     const struct table_form *form);

#endif
