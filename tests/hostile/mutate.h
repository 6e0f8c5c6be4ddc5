/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Damages valid images in reproducible ways: field by field, at random, or
 * byte after byte while somebody reads. A plan is made from the valid image
 * and says what there is to damage; afterwards it can be used on any copy of
 * that image, also one that is damaged already. Plans do not change.
 *
 * After a mutation mutate_seal() repairs all checksums. The checksums
 * themselves are not mutated for that reason.
 */
#ifndef MUTATE_H
#define MUTATE_H

#include "core.h"

struct mutate_plan;

/* A member of a structure of the image, little endian. */
struct mutate_field {
	dxc_off offset;
	dxc_off peer; /* the same member of another such structure, 0: none */
	const char *name;
	u32 owner; /* inode number or index, for people */
	u8 width; /* 1, 2, 4 or 8 bytes */
	u8 pool; /* values of that meaning, see mutate_plan.h; 0: none */
};

#define MUTATE_TEXT 160

/* NULL, with errno, when base holds no valid image. */
struct mutate_plan *mutate_plan_new(u8 *base, u64 size);
void mutate_plan_free(struct mutate_plan *plan);

/* Repairs the checksums of a copy, of base, tables and logs. */
void mutate_seal(const struct mutate_plan *plan, u8 *base, u64 size);

/* How many field-by-field mutations there are. */
u64 mutate_count(const struct mutate_plan *plan);
/* Number n of them. what: one line that says what was changed. */
void mutate_field(const struct mutate_plan *plan, u8 *base, u64 n,
		  char what[MUTATE_TEXT]);
/* Which field that changes. */
const struct mutate_field *mutate_field_of(const struct mutate_plan *plan, u64 n);
/* One to eight changes of fields and bytes. */
void mutate_random(const struct mutate_plan *plan, u8 *base, u64 seed,
		   char what[MUTATE_TEXT]);

/* A byte of the metadata that was changed while somebody may be reading. */
struct mutate_flip {
	dxc_off offset;
	u8 old;
};

/* *state: the generator's, not 0. Repairs no checksum. */
void mutate_flip(const struct mutate_plan *plan, u8 *base, u64 *state,
		 struct mutate_flip *flip);
void mutate_unflip(u8 *base, const struct mutate_flip *flip);

/* For fuzzers that choose by themselves. */
u32 mutate_field_count(const struct mutate_plan *plan);
const struct mutate_field *mutate_field_at(const struct mutate_plan *plan, u32 index);
/* An interesting value for the field, from the base as it is now. */
u64 mutate_value(const struct mutate_plan *plan, const u8 *base,
		 const struct mutate_field *field, u64 *state);

u64 mutate_get(const u8 *base, const struct mutate_field *field);
void mutate_put(u8 *base, const struct mutate_field *field, u64 value);

#endif
