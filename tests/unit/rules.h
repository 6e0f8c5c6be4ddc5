/* SPDX-License-Identifier: GPL-2.0-only */
/* Rejecting tests as tables: what a rule is, and how to damage an image. */
#ifndef RULES_H
#define RULES_H

#include "image.h"

/* What a damage function is given: an image with everything in it. */
struct patient {
	struct image *img;
	struct daxfs_super *sb;
	struct daxfs_area *ar;
	u64 size; /* of the region that is opened */
};

typedef void (*damage_fn)(struct patient *p);
/* One bit for each code. */
typedef unsigned __int128 codes;

enum when { OPEN, CHECK_, UNSEALED };

struct rule {
	enum dxc_code code;
	const char *what;
	damage_fn damage;
	enum when when;
	int err; /* of the open, 0: it succeeds and the check finds it */
	codes also; /* codes that the same damage makes true */
	bool writable;
};

/* The epoch of mounts that are known to be gone. */
#define EPOCH_GONE 0xdeadu

/* rules.c: all rules, NULL past the last; and is it a mount of that epoch? */
const struct rule *rule_at(u32 i);
bool rule_mount_is_gone(void *priv, const struct dxc_mount *mt);

/* rules_delta.c: what only writable images have. */
extern const struct rule delta_rules[];
extern const u32 delta_rule_count;
/* Branches with logs of all kinds of records, through the core's operations. */
void delta_grow(struct image *img);

#define CODE(code) ((codes)1 << (code))
#define ALSO(code) CODE(DXC_##code)

#define OPENS(code, fn, err)	{ DXC_##code, #fn, fn, OPEN, err, 0, false }
#define BAD(code, fn)		OPENS(code, fn, -EUCLEAN)
#define BAD_RW(code, fn)	{ DXC_##code, #fn, fn, OPEN, -EUCLEAN, 0, true }
#define FOUND(code, fn, also)	{ DXC_##code, #fn, fn, CHECK_, 0, also, false }
#define FOUND_RW(code, fn, also) { DXC_##code, #fn, fn, CHECK_, 0, also, true }
#define FOUND_RAW(code, fn)	{ DXC_##code, #fn, fn, UNSEALED, 0, 0, false }

#define RAW(name) image_raw(p->img, image_ino(p->img, name))
#define LE16(member, value) ((member) = cpu_to_le16(value))
#define LE32(member, value) ((member) = cpu_to_le32(value))
#define LE64(member, value) ((member) = cpu_to_le64(value))
#define PLUS32(member, n) LE32(member, le32_to_cpu(member) + (n))
#define PLUS64(member, n) LE64(member, le64_to_cpu(member) + (n))
#define DAMAGE(name) static void name(struct patient *p)
#define INO(name) image_ino(p->img, name)
#define AREA(id) (&p->img->vol.area[DAXFS_AREA_##id])
#define AREA_END(id) (AREA(id)->offset + AREA(id)->length)

#endif
