// SPDX-License-Identifier: GPL-2.0-only
/*
 * The findings of fsck: what was found at first, what came to light once that
 * was repaired, and what is left. What was repaired is not what somebody tried
 * to, but what the last check has no more.
 */
#include "fsck.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "message.h"

int fsck_findings_add(struct fsck_findings *to, const struct dxc_finding *f)
{
	size_t room = to->room ? to->room * 2 : 64;
	struct fsck_finding *more;

	if (to->count == to->room) {
		more = reallocarray(to->list, room, sizeof(*more));
		if (!more)
			return -ENOMEM;
		to->list = more;
		to->room = room;
	}
	to->list[to->count] =
		(struct fsck_finding){ .f = *f, .order = to->count, .is_left = true };
	to->count++;
	return 0;
}

void fsck_findings_free(struct fsck_findings *findings)
{
	free(findings->list);
	findings->list = NULL;
	findings->count = 0;
	findings->room = 0;
}

/* Are they the same, whatever their details? */
static int compare_places(const void *a, const void *b)
{
	const struct dxc_finding *x = &((const struct fsck_finding *)a)->f;
	const struct dxc_finding *y = &((const struct fsck_finding *)b)->f;

	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	return (int)x->code - (int)y->code;
}

static int compare_orders(const void *a, const void *b)
{
	const struct fsck_finding *x = a, *y = b;

	return x->order < y->order ? -1 : x->order > y->order;
}

static void sort(struct fsck_findings *findings,
		 int (*compare)(const void *a, const void *b))
{
	if (findings->count)
		qsort(findings->list, findings->count, sizeof(*findings->list), compare);
}

/* Of branches, several can be found to be the same at one place. */
static void mark_left(struct fsck_finding *list, size_t count, struct fsck_finding *one)
{
	struct fsck_finding *end = list + count;
	struct fsck_finding *at = one;

	while (at > list && !compare_places(at - 1, one))
		at--;
	for (; at < end && !compare_places(at, one); at++)
		at->is_left = true;
}

int fsck_findings_merge(struct fsck_findings *all, struct fsck_findings *now)
{
	size_t known = all->count;
	int err = 0;

	for (size_t i = 0; i < known; i++)
		all->list[i].is_left = false;
	sort(all, compare_places);
	for (size_t i = 0; !err && i < now->count; i++) {
		struct fsck_finding *old = known ? bsearch(&now->list[i], all->list,
							   known, sizeof(*old),
							   compare_places) :
						   NULL;

		if (old)
			mark_left(all->list, known, old);
		else
			err = fsck_findings_add(all, &now->list[i].f);
	}
	sort(all, compare_orders);
	fsck_findings_free(now);
	return err;
}

/* ---- printing ---- */

static const char *remedy_name(unsigned int code)
{
	switch (dxc_code_remedy(code)) {
	case DXC_REMEDY_SAFE:
		return "safe";
	case DXC_REMEDY_ASKED:
		return "asked";
	case DXC_REMEDY_NONE:
		break;
	}
	return "none";
}

static void print_json(struct json *json, const struct fsck_finding *finding, const char *path)
{
	const struct dxc_finding *f = &finding->f;

	json_open_object(json, NULL);
	json_number(json, "code", f->code);
	json_text(json, "text", dxc_code_text(f->code));
	json_text(json, "area", dxc_area_name(f->area));
	json_bool(json, "leftover", dxc_code_is_leftover(f->code));
	if (f->ino)
		json_number(json, "inode", f->ino);
	if (path)
		json_bytes(json, "path", path, strlen(path));
	json_number(json, "offset", f->offset);
	json_number(json, "detail", f->detail);
	json_text(json, "remedy", remedy_name(f->code));
	json_bool(json, "repaired", !finding->is_left);
	json_close(json, '}');
}

static void print_finding(const struct fsck_finding *finding, const char *path, bool repaired)
{
	message_finding(stdout, &finding->f, path);
	if (dxc_code_is_leftover(finding->f.code))
		fputs(", left behind", stdout);
	if (repaired)
		fputs(finding->is_left ? ": left alone" : ": repaired", stdout);
	putchar('\n');
}

struct sum {
	size_t damage; /* what is left that is no leftover */
	size_t leftovers; /* what is left that is */
	size_t repaired;
	size_t safe, asked; /* what is left that there is a remedy for */
};

static struct sum add_up(const struct fsck_findings *findings)
{
	struct sum sum = { 0 };

	for (size_t i = 0; i < findings->count; i++) {
		unsigned int code = findings->list[i].f.code;

		if (!findings->list[i].is_left) {
			sum.repaired++;
			continue;
		}
		if (dxc_code_is_leftover(code))
			sum.leftovers++;
		else
			sum.damage++;
		sum.safe += dxc_code_remedy(code) == DXC_REMEDY_SAFE;
		sum.asked += dxc_code_remedy(code) == DXC_REMEDY_ASKED;
	}
	return sum;
}

/* What a person can do about what is left. */
static void print_advice(const struct fsck *fsck, const struct sum *sum, bool repaired)
{
	size_t more =
		(repaired ? 0 : sum->safe) + (fsck->mode == FSCK_REPAIR ? 0 : sum->asked);

	/* Without a superblock, and without its copy. */
	if (!fsck->vol.region.size)
		return;
	if (fsck->is_mounted && (sum->damage || sum->leftovers))
		printf("%s: is mounted; what is there may be an operation under way, check again when it is not\n",
		       fsck->source);
	else if (more && (!repaired || sum->asked))
		printf("%s: fsck.daxfs -%c may repair %zu of them\n", fsck->source,
		       sum->asked ? 'y' : 'p', more);
	if (sum->damage && !fsck->extract)
		printf("%s: fsck.daxfs --extract DIR saves what can be read\n",
		       fsck->source);
}

static void print_summary(const struct fsck *fsck, const struct sum *sum, bool repaired)
{
	if (repaired)
		printf("%s: %zu repaired, %zu left alone\n", fsck->source, sum->repaired,
		       sum->damage + sum->leftovers);
	else if (sum->damage)
		printf("%s: %zu finding%s, nothing was changed\n", fsck->source,
		       sum->damage, sum->damage == 1 ? "" : "s");
	else
		printf("%s: clean, %" PRIu64 " inodes\n", fsck->source,
		       fsck->vol.inode_count);
	if (!repaired && sum->leftovers)
		printf("%s: %zu left behind by a kernel that stopped: no damage, whoever writes next clears it up or takes it over\n",
		       fsck->source, sum->leftovers);
	if (fsck->partial)
		printf("%s: branches that these are about were not checked; check again after that\n",
		       fsck->source);
	print_advice(fsck, sum, repaired);
}

int fsck_print(const struct fsck *fsck, bool repaired)
{
	const struct fsck_findings *findings = &fsck->findings;
	struct sum sum = add_up(findings);
	struct fsck_paths *paths = NULL;
	struct json json;

	if (findings->count && fsck->vol.region.size)
		paths = fsck_paths_new(&fsck->vol);

	if (fsck->as_json)
		json_begin(&json, stdout, "findings");
	for (size_t i = 0; i < findings->count; i++) {
		char *path = paths ? fsck_path_of(paths, &findings->list[i].f) : NULL;

		if (fsck->as_json)
			print_json(&json, &findings->list[i], path);
		else
			print_finding(&findings->list[i], path, repaired);
		free(path);
	}
	fsck_paths_free(paths);
	if (fsck->as_json)
		json_end(&json);
	else
		print_summary(fsck, &sum, repaired);
	return (sum.repaired ? FSCK_CORRECTED : 0) |
	       (sum.damage || (repaired && sum.leftovers) ? FSCK_UNCORRECTED : 0);
}
