// SPDX-License-Identifier: GPL-2.0-only
/*
 * daxfsctl inspect SOURCE layout: a picture of the region. First a strip of all
 * that is in it, in which everything has at least one cell; then the areas with
 * how full they are; of a writable image its chunks, with whose they are.
 */
#include "inspect.h"

#include <inttypes.h>
#include <stdio.h>

#include "applet.h"
#include "escape.h"
#include "json.h"
#include "message.h"
#include "terminal.h"
#include "usage.h"

static const char smalls[] = "abcdefghijklmnopqrstuvwxyz";
static const char capitals[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

#define BAR_CELLS 20
/* Lines of the picture of chunks at most: a cell then stands for several. */
#define CHUNK_LINES 16
/* Branches that the legend names; what else there is, JSON has. */
#define LEGEND_MAX 64

/* A part of the region: areas, and what is between them. */
struct part {
	const char *name;
	u64 offset, length, used;
	unsigned int area; /* DAXFS_AREA_COUNT: none */
	char letter;
	unsigned int cells;
};

struct picture {
	struct inspect *in;
	const struct dxc_volume *vol;
	struct usage us;
	struct part parts[2 * DAXFS_AREA_COUNT + 6];
	size_t count;
	unsigned int width;
	bool colour;
	u32 lettered[26]; /* index of the branch that has the letter */
	size_t letter_count;
};

/* ---- parts ---- */

static void add_part(struct picture *pic, const char *name, char letter,
		     unsigned int area, u64 offset, u64 length, u64 used)
{
	if (!length || pic->count == sizeof(pic->parts) / sizeof(pic->parts[0]))
		return;
	pic->parts[pic->count++] = (struct part){ .name = name,
						  .letter = letter,
						  .area = area,
						  .offset = offset,
						  .length = length,
						  .used = used };
}

/* From the block after the part before to offset. */
static void add_gap(struct picture *pic, u64 offset)
{
	const struct part *last = &pic->parts[pic->count - 1];
	u64 end = last->offset + last->length;

	end += -end % DAXFS_BLOCK_SIZE;

	if (offset > end)
		add_part(pic, "unused", '.', DAXFS_AREA_COUNT, end, offset - end, 0);
}

static void find_parts(struct picture *pic)
{
	static const char letters[DAXFS_AREA_COUNT + 1] = "hbmcirxleDWp";
	const struct dxc_volume *vol = pic->vol;
	u64 trailer = vol->region.size - DAXFS_TRAILER_SIZE;

	add_part(pic, "superblock", 'S', DAXFS_AREA_COUNT, 0, DAXFS_SB_SIZE,
		 DAXFS_SB_SIZE);
	/* The core has seen to it that they come in this order and do not overlap. */
	for (unsigned int i = 0; i < DAXFS_AREA_COUNT; i++) {
		if (!vol->area[i].length)
			continue;
		add_gap(pic, vol->area[i].offset);
		add_part(pic, dxc_area_name(i), letters[i], i, vol->area[i].offset,
			 vol->area[i].length, usage_of_area(&pic->us, vol, i));
	}
	add_gap(pic, trailer);
	add_part(pic, "trailer", 'T', DAXFS_AREA_COUNT, trailer, DAXFS_TRAILER_SIZE,
		 DAXFS_SB_SIZE);
	if (pic->in->img.src.size > vol->region.size)
		add_part(pic, "behind the image", ' ', DAXFS_AREA_COUNT, vol->region.size,
			 pic->in->img.src.size - vol->region.size, 0);
}

/* ---- drawing ---- */

/* Colours of areas and of branches go round. */
static void start_colour(const struct picture *pic, unsigned int i)
{
	static const unsigned char colours[] = { 36, 33, 32, 35, 34, 31 };

	if (pic->colour)
		printf("\033[%um", colours[i % sizeof(colours)]);
}

static void end_colour(const struct picture *pic)
{
	if (pic->colour)
		fputs("\033[0m", stdout);
}

static void repeat(char c, unsigned int n)
{
	while (n--)
		putchar(c);
}

/* What nobody uses has no colour. */
static void draw_part(const struct picture *pic, const struct part *part,
		      unsigned int cells)
{
	bool is_area = part->area < DAXFS_AREA_COUNT;

	if (is_area)
		start_colour(pic, part->area);
	repeat(part->letter, cells);
	if (is_area)
		end_colour(pic);
}

/* One cell for each part, the others by length. */
static void draw_strip(struct picture *pic)
{
	unsigned int spare = pic->width - 2 - (unsigned int)pic->count, given = 0;
	size_t longest = 0;

	for (size_t i = 0; i < pic->count; i++) {
		struct part *part = &pic->parts[i];
		double share = (double)part->length / (double)pic->in->img.src.size;

		part->cells = 1 + (unsigned int)(share * spare);
		given += part->cells - 1;
		if (part->length > pic->parts[longest].length)
			longest = i;
	}
	if (given < spare)
		pic->parts[longest].cells += spare - given;
	putchar('[');
	for (size_t i = 0; i < pic->count; i++)
		draw_part(pic, &pic->parts[i], pic->parts[i].cells);
	puts("]\n");
}

static void draw_bar(u64 used, u64 of)
{
	double share = of ? (double)used / (double)of : 0;
	unsigned int full = (unsigned int)(share * BAR_CELLS);

	/* A little is not nothing, and nearly all is not all. */
	if (used && !full)
		full = 1;
	fputs("  [", stdout);
	repeat('#', full);
	repeat('-', BAR_CELLS - full);
	printf("] %3u%%", (unsigned int)(share * 100));
}

/* What the bar is about, in the things that the area holds. */
static void print_count(const struct picture *pic, unsigned int area)
{
	const struct dxc_volume *vol = pic->vol;
	char buf[32];

	switch (area) {
	case DAXFS_AREA_BRANCHES:
		printf("  %u of %u branches", pic->us.branch_count, vol->branch_count);
		return;
	case DAXFS_AREA_MOUNTS:
		printf("  %u of %u mounts", pic->us.mount_count, vol->mount_count);
		return;
	case DAXFS_AREA_DELTA:
		printf("  %u of %u chunks of %s",
		       pic->us.log + pic->us.data + pic->us.bad, dxc_chunk_count(vol),
		       inspect_size(pic->in, vol->chunk_size, buf, sizeof(buf)));
		return;
	}
}

static void print_parts(struct picture *pic)
{
	char buf[32];

	printf("   %-16s %14s %12s  USED\n", "AREA", "OFFSET", "LENGTH");
	for (size_t i = 0; i < pic->count; i++) {
		const struct part *part = &pic->parts[i];

		draw_part(pic, part, 1);
		printf("  %-16s   0x%010" PRIx64, part->name, part->offset);
		printf(" %12s", inspect_size(pic->in, part->length, buf, sizeof(buf)));
		if (part->area == DAXFS_AREA_BRANCHES ||
		    part->area == DAXFS_AREA_MOUNTS || part->area == DAXFS_AREA_DATA ||
		    part->area == DAXFS_AREA_DELTA) {
			draw_bar(part->used, part->length);
			print_count(pic, part->area);
		} else if (part->area == DAXFS_AREA_INODES) {
			printf("  %" PRIu64 " inodes", pic->vol->inode_count);
		}
		putchar('\n');
	}
}

/* ---- chunks ---- */

static bool has_chunks(const struct usage_branch *br)
{
	return br->log_chunks || br->data_chunks;
}

/* The first branches that have chunks get a letter each. */
static void give_letters(struct picture *pic)
{
	for (u32 i = 0; i < pic->us.entries; i++) {
		if (pic->letter_count == sizeof(pic->lettered) / sizeof(pic->lettered[0]))
			return;
		if (!has_chunks(&pic->us.branches[i]))
			continue;
		pic->lettered[pic->letter_count++] = i;
	}
}

/* '.' free, '-' given up, '?' nobody's, '!' bad, else the branch's; a log's in capitals. */
static char letter_of(const struct picture *pic, const struct dxc_chunk_use *use)
{
	const struct usage_branch *owner;

	if (use->kind == DAXFS_CHUNK_FREE)
		return '.';
	if (use->kind == DAXFS_CHUNK_FREED)
		return '-';
	owner = usage_owner(&pic->us, use);
	if (!owner)
		return '?';
	for (size_t i = 0; i < pic->letter_count; i++) {
		if (&pic->us.branches[pic->lettered[i]] != owner)
			continue;
		return (use->kind == DAXFS_CHUNK_LOG ? capitals : smalls)[i];
	}
	return '*';
}

/* What most of count chunks are that are not free. */
static char letter_of_many(const struct picture *pic, u32 first, u32 count)
{
	u32 seen[128] = { 0 };
	char most = '.';

	for (u32 i = first; i < first + count; i++) {
		struct dxc_chunk_use use;
		char c = '!';

		if (dxc_chunk_read(pic->vol, i, &use) == 0)
			c = letter_of(pic, &use);
		seen[(unsigned char)c]++;
		if (c != '.' &&
		    (most == '.' || seen[(unsigned char)c] > seen[(unsigned char)most]))
			most = c;
	}
	return most;
}

static void draw_cell(const struct picture *pic, char c)
{
	unsigned int i = (unsigned int)((c | 0x20) - 'a');

	if (i >= 26) {
		putchar(c);
		return;
	}
	start_colour(pic, i);
	putchar(c);
	end_colour(pic);
}

static void draw_chunks(const struct picture *pic)
{
	u32 chunks = dxc_chunk_count(pic->vol);
	u32 line = pic->width - 2;
	u32 each = (u32)(((u64)chunks + (u64)line * CHUNK_LINES - 1) /
			 ((u64)line * CHUNK_LINES));
	u32 column = 0;

	if (each > 1)
		printf("\nChunks, %u in a cell:\n", each);
	else
		puts("\nChunks:");
	for (u64 first = 0; first < chunks; first += each) {
		draw_cell(pic, letter_of_many(pic, (u32)first,
					      min_t(u32, each, chunks - (u32)first)));
		if (++column == line) {
			putchar('\n');
			column = 0;
		}
	}
	if (column)
		putchar('\n');
}

static void print_legend_line(const struct picture *pic, char letter, const char *name,
			      u32 log, u32 data)
{
	unsigned int columns = terminal_columns(name);
	char buf[32];

	draw_cell(pic, letter);
	printf("  %s%*s %10s", name, columns < 24 ? 24 - (int)columns : 0, "",
	       inspect_size(pic->in, (u64)(log + data) * pic->vol->chunk_size, buf,
			    sizeof(buf)));
	if (log)
		printf("  %u log, %u data chunks", log, data);
	else
		printf("  %u chunks", data);
	putchar('\n');
}

static void print_legend(const struct picture *pic)
{
	const struct usage *us = &pic->us;
	u32 named = 0, left = 0;
	char letter;

	putchar('\n');
	for (u32 i = 0; i < us->entries; i++) {
		const struct usage_branch *br = &us->branches[i];

		if (!has_chunks(br))
			continue;
		if (named == LEGEND_MAX) {
			left++;
			continue;
		}
		letter = '*';
		if (named < pic->letter_count)
			letter = smalls[named];
		print_legend_line(pic, letter, br->name, br->log_chunks, br->data_chunks);
		named++;
	}
	if (left)
		printf("   and %u more branches\n", left);
	if (us->orphans)
		print_legend_line(pic, '?', "of no branch", 0, us->orphans);
	if (us->bad)
		print_legend_line(pic, '!', "impossible", 0, us->bad);
	if (us->freed)
		print_legend_line(pic, '-', "given up", 0, us->freed);
	print_legend_line(pic, '.', "free", 0, us->free);
	puts("   capitals: logs");
}

static void draw(struct picture *pic)
{
	char *source = escape_line(pic->in->source, strlen(pic->in->source));
	char buf[32];

	printf("%s: %s, ", source ? source : "?",
	       inspect_size(pic->in, pic->vol->region.size, buf, sizeof(buf)));
	puts(dxc_volume_is_writable(pic->vol) ? "writable" : "read-only");
	free(source);
	pic->width = terminal_width();
	pic->colour = terminal_has_colour();
	draw_strip(pic);
	print_parts(pic);
	if (!dxc_volume_is_writable(pic->vol))
		return;
	give_letters(pic);
	draw_chunks(pic);
	print_legend(pic);
}

/* ---- JSON ---- */

static void parts_json(const struct picture *pic, struct json *json)
{
	json_open_array(json, "areas");
	for (size_t i = 0; i < pic->count; i++) {
		const struct part *part = &pic->parts[i];

		json_open_object(json, NULL);
		json_text(json, "name", part->name);
		json_number(json, "offset", part->offset);
		json_number(json, "length", part->length);
		json_number(json, "used", part->used);
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void branches_json(const struct picture *pic, struct json *json)
{
	json_open_array(json, "branches");
	for (u32 i = 0; i < pic->us.entries; i++) {
		const struct usage_branch *br = &pic->us.branches[i];

		if (!br->id.generation)
			continue;
		json_open_object(json, NULL);
		json_bytes(json, "name", br->name, strlen(br->name));
		json_number(json, "index", br->id.branch);
		json_number(json, "generation", br->id.generation);
		json_number(json, "log_chunks", br->log_chunks);
		json_number(json, "data_chunks", br->data_chunks);
		json_close(json, '}');
	}
	json_close(json, ']');
}

static const char *kind_name(const struct dxc_chunk_use *use, bool bad)
{
	if (bad)
		return "impossible";
	switch (use->kind) {
	case DAXFS_CHUNK_LOG:
		return "log";
	case DAXFS_CHUNK_DATA:
		return "data";
	case DAXFS_CHUNK_FREED:
		return "freed";
	}
	return "free";
}

static void run_json(const struct picture *pic, struct json *json, u32 first, u32 count,
		     const struct dxc_chunk_use *use, bool bad)
{
	const struct usage_branch *owner = usage_owner(&pic->us, use);

	json_open_object(json, NULL);
	json_number(json, "first", first);
	json_number(json, "count", count);
	json_text(json, "kind", kind_name(use, bad));
	if (!bad && (use->kind == DAXFS_CHUNK_LOG || use->kind == DAXFS_CHUNK_DATA)) {
		json_number(json, "index", use->owner.branch);
		json_number(json, "generation", use->owner.generation);
	}
	if (!bad && owner)
		json_bytes(json, "branch", owner->name, strlen(owner->name));
	json_close(json, '}');
}

/* Chunks side by side of which the same is to be said are one entry. */
static void chunks_json(const struct picture *pic, struct json *json)
{
	u32 chunks = dxc_chunk_count(pic->vol), first = 0;
	struct dxc_chunk_use run = { 0 }, use;
	bool run_bad = false;

	json_open_array(json, "chunks");
	for (u32 i = 0; i < chunks; i++) {
		bool bad = dxc_chunk_read(pic->vol, i, &use) != 0;

		if (i &&
		    (bad != run_bad || (!bad && (use.kind != run.kind ||
						 !dxc_owner_is(use.owner, run.owner))))) {
			run_json(pic, json, first, i - first, &run, run_bad);
			first = i;
		}
		run = use;
		run_bad = bad;
	}
	if (chunks)
		run_json(pic, json, first, chunks - first, &run, run_bad);
	json_close(json, ']');
}

static void layout_json(const struct picture *pic)
{
	struct json json;

	json_begin(&json, stdout, "layouts");
	json_open_object(&json, NULL);
	json_bytes(&json, "source", pic->in->source, strlen(pic->in->source));
	json_number(&json, "image_size", pic->vol->region.size);
	json_number(&json, "region_size", pic->in->img.src.size);
	json_number(&json, "inodes", pic->vol->inode_count);
	json_number(&json, "chunk_size", pic->vol->chunk_size);
	parts_json(pic, &json);
	branches_json(pic, &json);
	chunks_json(pic, &json);
	json_close(&json, '}');
	json_end(&json);
}

int inspect_layout(struct inspect *in, const char *operand)
{
	struct picture pic = { .in = in, .vol = &in->img.vol };

	(void)operand;
	if (usage_read(&pic.us, pic.vol) != 0) {
		message_error("%s: %s", in->source, strerror(ENOMEM));
		return EXIT_FAILED;
	}
	find_parts(&pic);
	if (in->json)
		layout_json(&pic);
	else
		draw(&pic);
	usage_free(&pic.us);
	return EXIT_OK;
}
