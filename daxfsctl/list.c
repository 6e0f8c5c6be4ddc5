// SPDX-License-Identifier: GPL-2.0-only
/*
 * daxfsctl list: every daxfs that can be seen, one line each, with the letters
 * of lsblk(8). Owns the columns.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uuid.h>

#include "applet.h"
#include "columns.h"
#include "escape.h"
#include "fault.h"
#include "json.h"
#include "message.h"
#include "seen.h"
#include "size.h"

const struct applet_option list_options[] = {
	{ 'o', "output", "COLUMNS", "these columns, separated by commas" },
	{ 'O', "output-all", NULL, "all columns" },
	{ 'J', "json", NULL, "print JSON" },
	{ 'P', "pairs", NULL, "print KEY=\"value\" pairs" },
	{ 'r', "raw", NULL, "print columns without alignment" },
	{ 'n', "noheadings", NULL, "print no headings" },
	{ 'b', "bytes", NULL, "print sizes in bytes" },
	{ 0 }
};

enum list_column {
	COL_SOURCE,
	COL_BACKING,
	COL_FSVER,
	COL_LABEL,
	COL_UUID,
	COL_SIZE,
	COL_USE,
	COL_BRANCHES,
	COL_TARGETS,
	COL_USED,
	COL_REGION,
	COLUMNS
};

/* How many of them are shown unless -o or -O says otherwise. */
#define COLUMNS_DEFAULT (COL_TARGETS + 1)

static const struct table_column columns[COLUMNS + 1] = {
	[COL_SOURCE] = { "SOURCE", 0 },
	[COL_BACKING] = { "BACKING", 0 },
	[COL_FSVER] = { "FSVER", SCOLS_FL_RIGHT },
	[COL_LABEL] = { "LABEL", 0 },
	[COL_UUID] = { "UUID", 0 },
	[COL_SIZE] = { "SIZE", SCOLS_FL_RIGHT },
	[COL_USE] = { "USE%", SCOLS_FL_RIGHT },
	[COL_BRANCHES] = { "BRANCHES", SCOLS_FL_RIGHT },
	[COL_TARGETS] = { "TARGETS", SCOLS_FL_WRAP },
	[COL_USED] = { "USED", SCOLS_FL_RIGHT },
	[COL_REGION] = { "REGION", SCOLS_FL_RIGHT },
};

_Static_assert(COLUMNS <= COLUMNS_MAX, "all columns can be shown");

struct listing {
	struct table_options table;
	struct columns columns;
	struct seen_list list;
};

/* Rounded up, as df does: what is not empty is not 0%. */
static unsigned int percent(const struct seen *seen)
{
	double share = seen->of ? (double)seen->used / (double)seen->of : 0;
	unsigned int whole = (unsigned int)(share * 100);

	return whole + (share * 100 > whole);
}

static char *number_cell(uint64_t number, const char *after)
{
	char *text;

	return asprintf(&text, "%" PRIu64 "%s", number, after) < 0 ? NULL : text;
}

static char *size_cell(const struct listing *ls, uint64_t size)
{
	char buf[32];

	return ls->table.bytes ? number_cell(size, "") :
			   strdup(size_human(size, buf, sizeof(buf)));
}

/* One line per target; NULL without memory. */
static char *targets_cell(const struct seen *seen)
{
	char *text = strdup("");

	for (size_t i = 0; text && i < seen->target_count; i++)
		text = columns_add_line(text, seen->targets[i]);
	return text;
}

/* Is there something to be said in this column? */
static bool has_cell(const struct seen *seen, enum list_column column)
{
	switch (column) {
	case COL_SOURCE:
	case COL_BACKING:
	case COL_TARGETS:
		return true;
	case COL_USE:
	case COL_USED:
		return seen->has_usage;
	case COL_BRANCHES:
		return seen->has_branches;
	default:
		return seen->is_known;
	}
}

/* To be freed; NULL without memory. */
static char *cell(const struct listing *ls, const struct seen *seen,
		  enum list_column column)
{
	char uuid[UUID_STR_LEN];

	if (!has_cell(seen, column))
		return strdup("");
	switch (column) {
	case COL_SOURCE:
		return escape_cell(seen->source, strlen(seen->source));
	case COL_BACKING:
		return strdup(seen->backing);
	case COL_FSVER:
		return number_cell(seen->version, "");
	case COL_LABEL:
		return escape_cell(seen->label, strlen(seen->label));
	case COL_UUID:
		uuid_unparse_lower(seen->uuid, uuid);
		return strdup(uuid);
	case COL_SIZE:
		return size_cell(ls, seen->size);
	case COL_USE:
		return number_cell(percent(seen), "%");
	case COL_BRANCHES:
		return number_cell(seen->branches, "");
	case COL_TARGETS:
		return targets_cell(seen);
	case COL_USED:
		return size_cell(ls, seen->used);
	case COL_REGION:
		return size_cell(ls, seen->region);
	case COLUMNS:
		break;
	}
	return NULL;
}

/* What is not known is not there. */
static void json_cell(struct json *json, const struct seen *seen, enum list_column column)
{
	char uuid[UUID_STR_LEN];

	if (!has_cell(seen, column))
		return;
	switch (column) {
	case COL_SOURCE:
		json_bytes(json, "source", seen->source, strlen(seen->source));
		break;
	case COL_BACKING:
		json_text(json, "backing", seen->backing);
		break;
	case COL_FSVER:
		json_number(json, "version", seen->version);
		break;
	case COL_LABEL:
		json_bytes(json, "label", seen->label, strlen(seen->label));
		break;
	case COL_UUID:
		uuid_unparse_lower(seen->uuid, uuid);
		json_text(json, "uuid", uuid);
		break;
	case COL_SIZE:
		json_number(json, "size", seen->size);
		break;
	case COL_USE:
		json_number(json, "use_percent", percent(seen));
		break;
	case COL_BRANCHES:
		json_number(json, "branches", seen->branches);
		break;
	case COL_TARGETS:
		json_open_array(json, "targets");
		for (size_t i = 0; i < seen->target_count; i++)
			json_bytes(json, NULL, seen->targets[i],
				   strlen(seen->targets[i]));
		json_close(json, ']');
		break;
	case COL_USED:
		json_number(json, "used", seen->used);
		break;
	case COL_REGION:
		json_number(json, "region_size", seen->region);
		break;
	case COLUMNS:
		break;
	}
}

static void print_json(const struct listing *ls)
{
	struct json json;

	json_begin(&json, stdout, "volumes");
	for (size_t i = 0; i < ls->list.count; i++) {
		json_open_object(&json, NULL);
		for (size_t c = 0; c < ls->columns.count; c++)
			json_cell(&json, &ls->list.seen[i],
				  (enum list_column)ls->columns.shown[c]);
		json_close(&json, '}');
	}
	json_end(&json);
}

static int add_line(const struct listing *ls, struct libscols_table *table,
		    const struct seen *seen)
{
	struct libscols_line *line = scols_table_new_line(table, NULL);

	for (size_t c = 0; line && c < ls->columns.count; c++) {
		char *text = cell(ls, seen, (enum list_column)ls->columns.shown[c]);

		if (text && scols_line_refer_data(line, c, text) == 0)
			continue;
		free(text);
		return -ENOMEM;
	}
	return line ? 0 : -ENOMEM;
}

static int print_table(const struct listing *ls)
{
	struct libscols_table *table;
	int err = 0;

	table = columns_table(&ls->columns, columns, &ls->table.form);
	if (!table)
		return -ENOMEM;
	for (size_t i = 0; !err && i < ls->list.count; i++)
		err = add_line(ls, table, &ls->list.seen[i]);
	/* As lsblk: headings of nothing are not printed. */
	if (!err && ls->list.count && scols_print_table(table) != 0)
		err = -EIO;
	scols_unref_table(table);
	return err;
}

/* Those that were named; an exit status, the last that is not 0. */
static int look_at_named(struct listing *ls, int count, char **sources)
{
	int status = EXIT_OK;

	for (int i = 0; i < count; i++) {
		char *words;
		int err = seen_one(&ls->list, sources[i], &words);

		if (!err)
			continue;
		message_error("%s: %s", sources[i], words ? words : strerror(-err));
		free(words);
		status = err == -ENOENT ? EXIT_NOT_FOUND : EXIT_FAILED;
	}
	return status;
}

static int check_options(struct listing *ls)
{
	const struct table_options *table = &ls->table;
	const char *bad;
	size_t len;

	if (table_contradiction(table))
		return applet_wrong_use("list", EXIT_USAGE, "%s", table_contradiction(table));
	columns_first(&ls->columns, table->all || table->json ? COLUMNS : COLUMNS_DEFAULT);
	if (table->chosen && columns_choose(&ls->columns, columns, table->chosen, &bad, &len))
		return applet_wrong_use("list", EXIT_USAGE, "there is no column \"%.*s\"",
					(int)len, bad);
	return EXIT_OK;
}

int cmd_list(int argc, char **argv)
{
	const struct applet *applet = applet_find("list");
	struct listing ls = { 0 };
	int letter, status, err = 0;

	while ((letter = getopt_long(argc, argv, applet_short_options(applet),
				     applet_long_options(applet), NULL)) != -1) {
		if (letter == 'h') {
			applet_usage(applet);
			return EXIT_OK;
		}
		if (letter == '?' || letter == ':')
			return applet_wrong_option("list", EXIT_USAGE, letter, argv);
		table_take_option(&ls.table, letter, optarg);
	}
	status = check_options(&ls);
	if (status)
		return status;
	fault_exits_with(EXIT_FAILED);
	if (optind < argc)
		status = look_at_named(&ls, argc - optind, argv + optind);
	else
		err = seen_all(&ls.list);
	if (!err && ls.table.json)
		print_json(&ls);
	else if (!err)
		err = print_table(&ls);
	if (err) {
		message_error("%s", strerror(-err));
		status = EXIT_FAILED;
	}
	seen_free(&ls.list);
	return status;
}
