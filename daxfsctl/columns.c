// SPDX-License-Identifier: GPL-2.0-only
/* Knows which columns there are, not what is in them. */
#include "columns.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "charset.h"
#include "escape.h"

void columns_first(struct columns *chosen, size_t count)
{
	for (chosen->count = 0; chosen->count < count; chosen->count++)
		chosen->shown[chosen->count] = chosen->count;
}

static int find_column(const struct table_column *all, const char *name, size_t len)
{
	for (int i = 0; all[i].name; i++)
		if (strlen(all[i].name) == len &&
		    strncasecmp(all[i].name, name, len) == 0)
			return i;
	return -1;
}

bool columns_has(const struct columns *chosen, size_t column)
{
	for (size_t i = 0; i < chosen->count; i++)
		if (chosen->shown[i] == column)
			return true;
	return false;
}

int columns_choose(struct columns *chosen, const struct table_column *all,
		   const char *list, const char **bad, size_t *len)
{
	chosen->count = 0;
	for (const char *p = list;; p += *len + 1) {
		int column;

		*len = strcspn(p, ",");
		*bad = p;
		column = find_column(all, p, *len);
		if (column < 0)
			return -EINVAL;
		if (!columns_has(chosen, (size_t)column))
			chosen->shown[chosen->count++] = (size_t)column;
		if (!p[*len])
			return 0;
	}
}

char *columns_add_line(char *text, const char *line)
{
	char *shown = escape_cell(line, strlen(line));
	char *longer = NULL;

	if (!shown || asprintf(&longer, "%s%s%s", text, *text ? "\n" : "", shown) < 0)
		longer = NULL;
	free(shown);
	free(text);
	return longer;
}

struct libscols_table *columns_new_table(void)
{
	struct libscols_table *table = scols_new_table();

	if (!table)
		return NULL;
	/* What others chose is escaped already, once. */
	scols_table_enable_noencoding(table, 1);
	scols_table_enable_ascii(table, !charset_of_user_is_utf8());
	return table;
}

struct libscols_table *columns_table(const struct columns *chosen,
				     const struct table_column *all,
				     const struct table_form *form)
{
	struct libscols_table *table = columns_new_table();

	if (!table)
		return NULL;
	scols_table_enable_noheadings(table, form->no_headings);
	scols_table_enable_raw(table, form->raw);
	scols_table_enable_export(table, form->pairs);
	for (size_t i = 0; i < chosen->count; i++) {
		const struct table_column *column = &all[chosen->shown[i]];
		int flags = column->flags;
		struct libscols_column *cl;

		if (form->raw || form->pairs)
			flags &= ~SCOLS_FL_TREE;
		cl = scols_table_new_column(table, column->name, 0, flags);
		if (!cl) {
			scols_unref_table(table);
			return NULL;
		}
		if (flags & SCOLS_FL_WRAP) {
			scols_column_set_wrapfunc(cl, scols_wrapnl_chunksize,
						  scols_wrapnl_nextchunk, NULL);
			scols_column_set_safechars(cl, "\n");
		}
	}
	return table;
}

bool table_take_option(struct table_options *options, int letter, const char *argument)
{
	switch (letter) {
	case 'o':
		options->chosen = argument;
		return true;
	case 'O':
		options->all = true;
		return true;
	case 'J':
		options->json = true;
		return true;
	case 'P':
		options->form.pairs = true;
		return true;
	case 'r':
		options->form.raw = true;
		return true;
	case 'n':
		options->form.no_headings = true;
		return true;
	case 'b':
		options->bytes = true;
		return true;
	}
	return false;
}

const char *table_contradiction(const struct table_options *options)
{
	if (options->json + options->form.pairs + options->form.raw > 1)
		return "--json, --pairs and --raw exclude each other";
	if (options->chosen && options->all)
		return "--output and --output-all exclude each other";
	return NULL;
}
