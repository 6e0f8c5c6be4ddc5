/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Repairs the checksums of an image that was damaged on purpose, so that the
 * lie gets past them. Shared by the unit tests, the fuzzers and the mutator.
 */
#ifndef SEAL_H
#define SEAL_H

#include "core.h"
#include "word.h"

/* Checksums of the areas that the area table says exist and are in bounds. */
void seal_areas(u8 *base, u64 size);
/* Checksum of the superblock. */
void seal_super(u8 *base);
/* Where the copy of the superblock belongs, as far as it fits size. */
dxc_off seal_copy_offset(const u8 *base, u64 size);
/* All of the above, and the copy. size is that of the buffer. */
void seal(u8 *base, u64 size);
/* Checksum of a log chunk's head, and of a record of it, if that ends within room bytes. */
void seal_chunk(struct daxfs_chunk *ch);
void seal_record(const struct daxfs_chunk *ch, struct daxfs_record *at, u32 room);
/* The check of a word, whatever it says; zero stays zero. */
void seal_word(__le64 *word);
/* The checksum of an entry of the branch table. */
void seal_entry(struct daxfs_branch *br);

#endif
