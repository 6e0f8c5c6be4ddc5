/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the load of the crash test does: operations that follow from a seed and
 * their number alone, so that after a crash it is known which one was under
 * way. The model says what a file system must hold after so many of them.
 */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOAD_DIRS 6u
#define LOAD_FILES 6u /* names in each of them */
#define LOAD_SIZE_MAX (48u << 10)
#define LOAD_DEPTH 5u /* branches, with main */

struct load_file {
	bool there;
	uint32_t size;
	uint32_t mode;
	uint32_t xattr; /* value of user.load; 0: none */
	uint8_t data[LOAD_SIZE_MAX]; /* zeros from size on */
};

struct load_tree {
	bool dir[LOAD_DIRS];
	struct load_file file[LOAD_DIRS][LOAD_FILES];
};

struct load_model {
	uint32_t depth; /* branches; the last one is shown */
	uint64_t name[LOAD_DEPTH]; /* b<number of the operation>; main: 0 */
	struct load_tree tree[LOAD_DEPTH];
};

enum load_kind {
	LOAD_CREATE,
	LOAD_WRITE, /* with fsync */
	LOAD_MAP, /* written to through a mapping, with msync */
	LOAD_PUNCH, /* with fsync */
	LOAD_TRUNCATE,
	LOAD_CHMOD,
	LOAD_XATTR,
	LOAD_UNLINK,
	LOAD_RENAME,
	LOAD_MKDIR,
	LOAD_RMDIR,
	LOAD_BRANCH,
	LOAD_COMMIT,
	LOAD_ABORT,
	LOAD_KINDS
};

struct load_op {
	enum load_kind kind;
	uint64_t number;
	uint32_t dir, file, to_dir, to_file;
	uint32_t pos, len; /* TRUNCATE: len is the new size */
	uint32_t value; /* mode, xattr */
};

/* As load_make() makes it. */
void load_model_init(struct load_model *model);
/* Operation number of that seed, after the ones before it. */
void load_next(const struct load_model *model, uint64_t seed, uint64_t number,
	       struct load_op *op);
void load_apply(struct load_model *model, const struct load_op *op);
/* Does it change bytes of a file, which may be there in part after a crash? */
bool load_is_data(const struct load_op *op);
/* The bytes that it writes. */
void load_bytes(const struct load_op *op, uint8_t *out);
/* One line, without its end. */
void load_say(const struct load_op *op, char *out, size_t size);
static inline const struct load_tree *load_top(const struct load_model *model)
{
	return &model->tree[model->depth - 1];
}

#endif
