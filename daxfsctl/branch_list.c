// SPDX-License-Identifier: GPL-2.0-only
/*
 * daxfsctl branch list and show. The tree of branches is as the kernel or the
 * image tells it, from memory that others write: parents are followed only as
 * far as there are branches.
 */
#include "branch.h"

#include <errno.h>
#include <inttypes.h>
#include <libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "applet.h"
#include "columns.h"
#include "escape.h"
#include "json.h"
#include "message.h"
#include "size.h"

enum column {
	COL_NAME,
	COL_STATE,
	COL_MODE,
	COL_USED,
	COL_HOST,
	COL_TARGETS,
	COL_ID,
	COL_PARENT,
	COL_CREATED,
	COLUMNS
};

/* How many of them are shown unless -o or -O says otherwise. */
#define COLUMNS_DEFAULT (COL_TARGETS + 1)

static const struct table_column columns[COLUMNS + 1] = {
	[COL_NAME] = { "NAME", SCOLS_FL_TREE },
	[COL_STATE] = { "STATE", 0 },
	[COL_MODE] = { "MODE", 0 },
	[COL_USED] = { "USED", SCOLS_FL_RIGHT },
	[COL_HOST] = { "HOST", 0 },
	[COL_TARGETS] = { "TARGETS", SCOLS_FL_WRAP },
	[COL_ID] = { "ID", SCOLS_FL_RIGHT },
	[COL_PARENT] = { "PARENT", 0 },
	[COL_CREATED] = { "CREATED", 0 },
};

_Static_assert(COLUMNS <= COLUMNS_MAX, "all columns can be shown");

/* di_flags of a line that is no branch but a name that mounts have lost */
#define BRANCH_LOST 0x80000000u

struct listing {
	const struct branch_args *args;
	struct branch_mount bm;
	struct branch_targets *targets;
	struct columns columns;
};

int branch_columns_check(const char *list, const char **bad, size_t *len)
{
	struct columns chosen;

	return columns_choose(&chosen, columns, list, bad, len);
}

static void choose_columns(struct listing *ls)
{
	const char *bad;
	size_t len;

	/* The list was checked. */
	if (ls->args->table.chosen)
		columns_choose(&ls->columns, columns, ls->args->table.chosen, &bad, &len);
	else
		columns_first(&ls->columns, ls->args->table.all || ls->args->table.json ?
						    COLUMNS :
						    COLUMNS_DEFAULT);
}

static const char *state_of(const struct daxfs_branch_info *br)
{
	if (br->di_flags & BRANCH_LOST)
		return "discarded";
	if (br->di_flags & DAXFS_BRANCH_SHOWN)
		return "shown";
	return br->di_flags & DAXFS_BRANCH_FROZEN ? "frozen" : "live";
}

/* The right to write is kept while a branch is frozen, and is worth nothing. */
static const char *mode_of(const struct daxfs_branch_info *br)
{
	if (br->di_flags & DAXFS_BRANCH_FROZEN)
		return "ro";
	return br->di_flags & DAXFS_BRANCH_WRITTEN ? "rw" : "ro";
}

static char *format_id(uint64_t id, char *buf, size_t n)
{
	snprintf(buf, n, "%u.%" PRIu64, (unsigned int)(id & 0xffff), id >> 16);
	return buf;
}

static char *format_time(int64_t nanoseconds, char *buf, size_t n)
{
	time_t when = nanoseconds / 1000000000;
	struct tm tm;

	if (!gmtime_r(&when, &tm) || !strftime(buf, n, "%Y-%m-%d %H:%M:%S +0000", &tm))
		snprintf(buf, n, "%" PRId64, nanoseconds);
	return buf;
}

static char *format_size(const struct branch_args *args, uint64_t size, char *buf,
			 size_t n)
{
	if (!args->table.bytes)
		return size_human(size, buf, n);
	snprintf(buf, n, "%" PRIu64, size);
	return buf;
}

/* The n-th directory of a line, NULL after the last. */
static const char *target_of(const struct listing *ls, const struct daxfs_branch_info *br,
			     size_t n)
{
	const char *target, *branch;

	if (!(br->di_flags & BRANCH_LOST))
		return branch_targets_get(ls->targets, br->di_name, n);
	for (size_t i = 0; (target = branch_targets_lost(ls->targets, &branch, i)); i++)
		if (strcmp(branch, br->di_name) == 0 && n-- == 0)
			return target;
	return NULL;
}

/* One line per target; NULL without memory. */
static char *join_targets(const struct listing *ls, const struct daxfs_branch_info *br)
{
	char *text = strdup("");
	const char *target;

	for (size_t i = 0; text && (target = target_of(ls, br, i)); i++)
		text = columns_add_line(text, target);
	return text;
}

/* What a column says of a branch, to be freed; NULL without memory. */
static char *cell(const struct listing *ls, const struct daxfs_branch_info *br,
		  enum column column)
{
	const struct daxfs_branch_info *parent;
	char buf[64];

	if (br->di_flags & BRANCH_LOST && column != COL_NAME && column != COL_STATE &&
	    column != COL_TARGETS)
		return strdup("");
	switch (column) {
	case COL_NAME:
		return escape_cell(br->di_name, strlen(br->di_name));
	case COL_STATE:
		return strdup(state_of(br));
	case COL_MODE:
		return strdup(mode_of(br));
	case COL_USED:
		return strdup(format_size(ls->args, br->di_used, buf, sizeof(buf)));
	case COL_HOST:
		return escape_cell(br->di_host, strlen(br->di_host));
	case COL_TARGETS:
		return join_targets(ls, br);
	case COL_ID:
		return strdup(format_id(br->di_id, buf, sizeof(buf)));
	case COL_PARENT:
		parent = branch_parent(&ls->bm, br);
		return parent ? escape_cell(parent->di_name, strlen(parent->di_name)) :
				strdup("");
	case COL_CREATED:
		return strdup(format_time(br->di_created, buf, sizeof(buf)));
	case COLUMNS:
		break;
	}
	return NULL;
}

static void json_cell(struct json *json, const struct listing *ls,
		      const struct daxfs_branch_info *br, enum column column)
{
	const struct daxfs_branch_info *parent;
	const char *target;
	char buf[64];

	if (br->di_flags & BRANCH_LOST && column != COL_NAME && column != COL_STATE &&
	    column != COL_TARGETS)
		return;
	switch (column) {
	case COL_NAME:
		json_bytes(json, "name", br->di_name, strlen(br->di_name));
		break;
	case COL_STATE:
		json_text(json, "state", state_of(br));
		break;
	case COL_MODE:
		json_text(json, "mode", mode_of(br));
		break;
	case COL_USED:
		json_number(json, "used", br->di_used);
		break;
	case COL_HOST:
		json_bytes(json, "host", br->di_host, strlen(br->di_host));
		break;
	case COL_TARGETS:
		json_open_array(json, "targets");
		for (size_t i = 0; (target = target_of(ls, br, i)); i++)
			json_bytes(json, NULL, target, strlen(target));
		json_close(json, ']');
		break;
	case COL_ID:
		json_text(json, "id", format_id(br->di_id, buf, sizeof(buf)));
		break;
	case COL_PARENT:
		parent = branch_parent(&ls->bm, br);
		if (parent)
			json_bytes(json, "parent", parent->di_name,
				   strlen(parent->di_name));
		break;
	case COL_CREATED:
		json_signed(json, "created", br->di_created / 1000000000);
		break;
	case COLUMNS:
		break;
	}
}

static void json_branch(struct json *json, const struct listing *ls,
			const struct daxfs_branch_info *br)
{
	json_open_object(json, NULL);
	for (size_t i = 0; i < ls->columns.count; i++)
		json_cell(json, ls, br, (enum column)ls->columns.shown[i]);
	/* What the columns sum up. */
	if (!ls->args->table.chosen && !(br->di_flags & BRANCH_LOST)) {
		json_number(json, "uid", br->di_uid);
		json_bool(json, "frozen", br->di_flags & DAXFS_BRANCH_FROZEN);
		json_number(json, "mounts", br->di_mounts);
	}
	json_close(json, '}');
}

static int new_line(const struct listing *ls, struct libscols_table *table,
		    struct libscols_line **lines, size_t i, struct libscols_line *above)
{
	struct libscols_line *line = scols_table_new_line(table, above);

	for (size_t c = 0; line && c < ls->columns.count; c++) {
		char *text =
			cell(ls, &ls->bm.branches[i], (enum column)ls->columns.shown[c]);

		if (text && scols_line_refer_data(line, c, text) == 0)
			continue;
		free(text);
		return -ENOMEM;
	}
	lines[i] = line;
	return line ? 0 : -ENOMEM;
}

/* The line of branch i, and before it those of the branches above. */
static int add_line(const struct listing *ls, struct libscols_table *table,
		    struct libscols_line **lines, size_t i)
{
	int err = 0;

	while (!err && !lines[i]) {
		const struct daxfs_branch_info *br = &ls->bm.branches[i];
		struct libscols_line *above = NULL;

		/* The first that is missing; in a loop of parents any may be it. */
		for (size_t n = 0; n < ls->bm.count; n++) {
			const struct daxfs_branch_info *parent =
				branch_parent(&ls->bm, br);

			above = parent ? lines[parent - ls->bm.branches] : NULL;
			if (!parent || above)
				break;
			br = parent;
		}
		err = new_line(ls, table, lines, (size_t)(br - ls->bm.branches), above);
	}
	return err;
}

static struct libscols_table *new_table(const struct listing *ls)
{
	return columns_table(&ls->columns, columns, &ls->args->table.form);
}

static int print_table(const struct listing *ls)
{
	struct libscols_line **lines = calloc(ls->bm.count + 1, sizeof(void *));
	struct libscols_table *table = new_table(ls);
	int err = lines && table ? 0 : -ENOMEM;

	for (size_t i = 0; !err && i < ls->bm.count; i++)
		err = add_line(ls, table, lines, i);
	if (!err && scols_print_table(table) != 0)
		err = -EIO;
	scols_unref_table(table);
	free(lines);
	return err;
}

/* A line for each name that mounts have lost. Without memory there is none. */
static void add_lost(struct listing *ls)
{
	struct daxfs_branch_info *more;
	const char *branch;
	bool known;

	for (size_t i = 0; branch_targets_lost(ls->targets, &branch, i); i++) {
		known = false;
		for (size_t n = 0; n < ls->bm.count && !known; n++)
			known = ls->bm.branches[n].di_flags & BRANCH_LOST &&
				strcmp(ls->bm.branches[n].di_name, branch) == 0;
		if (known)
			continue;
		more = reallocarray(ls->bm.branches, ls->bm.count + 1, sizeof(*more));
		if (!more)
			return;
		ls->bm.branches = more;
		more += ls->bm.count++;
		memset(more, 0, sizeof(*more));
		strncpy(more->di_name, branch, sizeof(more->di_name) - 1);
		/* Behind all there are, and nobody's child. */
		more->di_id = UINT32_MAX;
		more->di_parent = more->di_id;
		more->di_flags = BRANCH_LOST;
	}
}

static int open_listing(struct listing *ls, const struct branch_args *args)
{
	int status;

	memset(ls, 0, sizeof(*ls));
	ls->args = args;
	choose_columns(ls);
	if (args->source)
		status = branch_source_open(&ls->bm, args->source,
					    columns_has(&ls->columns, COL_USED));
	else
		status = branch_mount_open(&ls->bm, args->mount);
	/* Who only completes a name does not wait for the mounts of others. */
	if (!status && ls->bm.fd >= 0 &&
	    (columns_has(&ls->columns, COL_TARGETS) || columns_has(&ls->columns, COL_STATE)))
		ls->targets = branch_targets_load(ls->bm.fd);
	return status;
}

static void close_listing(struct listing *ls)
{
	branch_targets_free(ls->targets);
	branch_mount_close(&ls->bm);
}

int cmd_branch_list(const struct branch_args *args)
{
	struct listing ls;
	struct json json;
	int err, status;

	status = open_listing(&ls, args);
	if (status)
		goto out;
	add_lost(&ls);
	if (args->table.json) {
		json_begin(&json, stdout, "branches");
		for (size_t i = 0; i < ls.bm.count; i++)
			json_branch(&json, &ls, &ls.bm.branches[i]);
		json_end(&json);
		goto out;
	}
	err = print_table(&ls);
	if (err) {
		message_error("%s: the list cannot be printed: %s", ls.bm.path,
			      strerror(-err));
		status = EXIT_FAILED;
	}
out:
	close_listing(&ls);
	return status;
}

static void print_line(const char *name, const char *value)
{
	printf("%-10s %s\n", name, value);
}

static void print_escaped(const char *name, const char *value)
{
	printf("%-10s ", name);
	escape_print(stdout, value);
	putchar('\n');
}

/* Why the mount that was asked cannot write the branch, if it is that one's. */
static void explain_mode(const struct listing *ls, const struct daxfs_branch_info *br)
{
	uint32_t flags = br->di_flags & DAXFS_BRANCH_SHOWN && ls->bm.fd >= 0 ?
				 branch_mount_flags(ls->bm.fd) :
				 0;

	if (br->di_flags & DAXFS_BRANCH_FROZEN)
		print_line("Read-only:",
			   "it has branches of its own: commit or abort them");
	else if (flags & DAXFS_VOLUME_SECOND)
		print_line("Read-only:", "another mount of this machine may write it");
	else if (flags & DAXFS_VOLUME_VISITOR)
		print_line(
			"Read-only:",
			"this mount was made for another branch: switch or remount it");
}

/* The mount that was asked has lost its branch. */
static void print_lost(const struct listing *ls)
{
	const char *target, *branch;

	for (size_t i = 0; (target = branch_targets_lost(ls->targets, &branch, i)); i++) {
		if (strcmp(target, ls->bm.path) != 0)
			continue;
		print_escaped("Name:", branch);
		break;
	}
	print_line("State:", "discarded");
	print_escaped("Target:", ls->bm.path);
	print_line("Read-only:",
		   "it shows nothing until daxfs-branch switch gives it another branch");
}

static void print_branch(const struct listing *ls, const struct daxfs_branch_info *br)
{
	const struct daxfs_branch_info *parent = branch_parent(&ls->bm, br);
	const char *target;
	char buf[64];

	print_escaped("Name:", br->di_name);
	print_line("State:", br->di_flags & DAXFS_BRANCH_FROZEN ? "frozen" : "live");
	print_line("Mode:", mode_of(br));
	explain_mode(ls, br);
	if (parent)
		print_escaped("Parent:", parent->di_name);
	for (size_t i = 0; i < ls->bm.count; i++)
		if (branch_parent(&ls->bm, &ls->bm.branches[i]) == br)
			print_escaped("Child:", ls->bm.branches[i].di_name);
	print_line("Id:", format_id(br->di_id, buf, sizeof(buf)));
	snprintf(buf, sizeof(buf), "%" PRIu32, br->di_uid);
	print_line("Uid:", buf);
	print_line("Created:", format_time(br->di_created, buf, sizeof(buf)));
	print_line("Used:", format_size(ls->args, br->di_used, buf, sizeof(buf)));
	snprintf(buf, sizeof(buf), "%" PRIu32, br->di_mounts);
	print_line("Mounts:", buf);
	if (br->di_host[0])
		print_escaped("Host:", br->di_host);
	for (size_t i = 0; (target = branch_targets_get(ls->targets, br->di_name, i));
	     i++)
		print_escaped("Target:", target);
}

int cmd_branch_show(const struct branch_args *args)
{
	const struct daxfs_branch_info *br = NULL;
	struct listing ls;
	struct json json;
	int status;

	status = open_listing(&ls, args);
	if (!status && !args->names[0] && !args->table.json && ls.bm.fd >= 0 &&
	    branch_mount_flags(ls.bm.fd) & DAXFS_VOLUME_DISCARDED) {
		print_lost(&ls);
	} else if (!status) {
		br = branch_operand(&ls.bm, args->names[0]);
		status = br ? EXIT_OK : EXIT_NOT_FOUND;
	}
	if (br && args->table.json) {
		json_begin(&json, stdout, "branches");
		json_branch(&json, &ls, br);
		json_end(&json);
	} else if (br) {
		print_branch(&ls, br);
	}
	close_listing(&ls);
	return status;
}
