// SPDX-License-Identifier: GPL-2.0-only
/* Which operations a load does, and what they amount to. */
#include "load.h"

#include <stdio.h>
#include <string.h>

static uint64_t mix(uint64_t n)
{
	/* SplitMix64, Steele et al. 2014 */
	n += 0x9e3779b97f4a7c15ull;
	n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9ull;
	n = (n ^ n >> 27) * 0x94d049bb133111ebull;
	return n ^ n >> 31;
}

static void fill(uint8_t *out, uint32_t len, uint64_t seed)
{
	uint32_t i;

	/* Never 0, which is what a hole shows. */
	for (i = 0; i < len; i++)
		out[i] = mix(seed << 20 ^ i / 8) >> i % 8 * 8 | 1;
}

void load_model_init(struct load_model *model)
{
	struct load_tree *tree = &model->tree[0];
	uint32_t d, f;

	memset(model, 0, sizeof(*model));
	model->depth = 1;
	for (d = 0; d < LOAD_DIRS / 2; d++) {
		tree->dir[d] = true;
		for (f = 0; f < LOAD_FILES / 2; f++) {
			struct load_file *file = &tree->file[d][f];

			file->there = true;
			file->mode = 0644;
			file->size = 5000 * (d + f);
			fill(file->data, file->size, ~(d * 100ull + f));
		}
	}
}

static bool is_empty(const struct load_tree *tree, uint32_t dir)
{
	uint32_t f;

	for (f = 0; f < LOAD_FILES; f++)
		if (tree->file[dir][f].there)
			return false;
	return true;
}

/* Can it be done now? */
static bool is_possible(const struct load_model *model, const struct load_op *op)
{
	const struct load_tree *tree = load_top(model);
	const struct load_file *file = &tree->file[op->dir][op->file];

	switch (op->kind) {
	case LOAD_CREATE:
		return tree->dir[op->dir] && !file->there;
	case LOAD_WRITE:
	case LOAD_TRUNCATE:
	case LOAD_CHMOD:
	case LOAD_XATTR:
	case LOAD_UNLINK:
		return file->there;
	case LOAD_MAP:
	case LOAD_PUNCH:
		return file->there && op->pos + op->len <= file->size;
	case LOAD_RENAME:
		return file->there && tree->dir[op->to_dir] &&
		       (op->dir != op->to_dir || op->file != op->to_file);
	case LOAD_MKDIR:
		return !tree->dir[op->dir];
	case LOAD_RMDIR:
		return tree->dir[op->dir] && is_empty(tree, op->dir);
	case LOAD_BRANCH:
		return model->depth < LOAD_DEPTH;
	case LOAD_COMMIT:
	case LOAD_ABORT:
		return model->depth > 1;
	default:
		return false;
	}
}

void load_next(const struct load_model *model, uint64_t seed, uint64_t number,
	       struct load_op *op)
{
	/* How often, of all. */
	static const uint8_t weight[LOAD_KINDS] = {
		[LOAD_CREATE] = 14, [LOAD_WRITE] = 20,	 [LOAD_MAP] = 5,
		[LOAD_PUNCH] = 4,   [LOAD_TRUNCATE] = 5, [LOAD_CHMOD] = 3,
		[LOAD_XATTR] = 4,   [LOAD_UNLINK] = 5,	 [LOAD_RENAME] = 10,
		[LOAD_MKDIR] = 5,   [LOAD_RMDIR] = 5,	 [LOAD_BRANCH] = 4,
		[LOAD_COMMIT] = 3,  [LOAD_ABORT] = 1,
	};
	uint64_t state = mix(seed ^ mix(number));
	uint32_t pick, kind;

	memset(op, 0, sizeof(*op));
	op->number = number;
	/* Create, branch, commit: one of them always can be done, so this ends. */
	do {
		state = mix(state);
		pick = (state >> 8) % 88;
		for (kind = 0; pick >= weight[kind]; kind++)
			pick -= weight[kind];
		op->kind = kind;
		op->dir = (state >> 16) % LOAD_DIRS;
		op->file = (state >> 24) % LOAD_FILES;
		op->to_dir = (state >> 32) % LOAD_DIRS;
		op->to_file = (state >> 40) % LOAD_FILES;
		state = mix(state);
		/* Mostly small. */
		op->len = 1 + (state >> 8) % (state % 4 ? 3000 : 20000);
		op->pos = (state >> 24) % (LOAD_SIZE_MAX - op->len) >> (state >> 60) % 3;
		op->value = 1 + (state >> 40) % 1000;
		if (kind == LOAD_TRUNCATE)
			op->len = op->pos;
		if (kind == LOAD_CHMOD)
			op->value = 0600 | (op->value & 0177);
	} while (!is_possible(model, op));
}

void load_bytes(const struct load_op *op, uint8_t *out)
{
	if (op->kind == LOAD_PUNCH)
		memset(out, 0, op->len);
	else
		fill(out, op->len, op->number);
}

bool load_is_data(const struct load_op *op)
{
	return op->kind == LOAD_WRITE || op->kind == LOAD_MAP || op->kind == LOAD_PUNCH;
}

static void put_bytes(struct load_file *file, const struct load_op *op)
{
	load_bytes(op, file->data + op->pos);
	if (op->pos + op->len > file->size)
		file->size = op->pos + op->len;
}

void load_apply(struct load_model *model, const struct load_op *op)
{
	struct load_tree *tree = &model->tree[model->depth - 1];
	struct load_file *file = &tree->file[op->dir][op->file];

	switch (op->kind) {
	case LOAD_CREATE:
		*file = (struct load_file){ .there = true, .mode = 0644 };
		break;
	case LOAD_WRITE:
	case LOAD_MAP:
	case LOAD_PUNCH:
		put_bytes(file, op);
		break;
	case LOAD_TRUNCATE:
		file->size = op->len;
		memset(file->data + op->len, 0, LOAD_SIZE_MAX - op->len);
		break;
	case LOAD_CHMOD:
		file->mode = op->value;
		break;
	case LOAD_XATTR:
		file->xattr = op->value;
		break;
	case LOAD_UNLINK:
		file->there = false;
		break;
	case LOAD_RENAME:
		tree->file[op->to_dir][op->to_file] = *file;
		file->there = false;
		break;
	case LOAD_MKDIR:
	case LOAD_RMDIR:
		tree->dir[op->dir] = op->kind == LOAD_MKDIR;
		break;
	case LOAD_BRANCH:
		model->tree[model->depth] = *tree;
		model->name[model->depth++] = op->number;
		break;
	case LOAD_COMMIT:
		model->tree[model->depth - 2] = *tree;
		model->depth--;
		break;
	case LOAD_ABORT:
		model->depth--;
		break;
	default:
		break;
	}
}

void load_say(const struct load_op *op, char *out, size_t size)
{
	static const char *const names[LOAD_KINDS] = {
		"create", "write",  "map",   "punch", "truncate", "chmod",  "xattr",
		"unlink", "rename", "mkdir", "rmdir", "branch",	  "commit", "abort",
	};

	snprintf(out, size, "%llu %s d%u/f%u d%u/f%u %u+%u %u",
		 (unsigned long long)op->number, names[op->kind], op->dir, op->file,
		 op->to_dir, op->to_file, op->pos, op->len, op->value);
}
