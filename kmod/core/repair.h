/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Repairing an image that nobody has mounted: what of dxc_check()'s findings
 * can be undone, and doing it. Only programs link it: a kernel recovers from
 * what another left behind (dxc_branch_recover(), dxc_layer_repair()) and leaves
 * damage alone. Trust and results are as in core.h.
 */
#ifndef DXC_REPAIR_H
#define DXC_REPAIR_H

#include "branch.h"

enum dxc_remedy {
	DXC_REMEDY_NONE,	/* nobody can tell what it was */
	DXC_REMEDY_SAFE,	/* nothing that could be read before is lost */
	DXC_REMEDY_ASKED,	/* something is given up, or may be as somebody wants it */
};

/*
 * What dxc_repair() has against a finding. It may come to nothing: whether it
 * did is for the next check to say.
 */
enum dxc_remedy dxc_code_remedy(unsigned int code);

struct dxc_repair {
	bool asked;		/* DXC_REMEDY_ASKED too */
	bool from_copy;		/* *vol says what the superblock's copy says: that is put back if asked */
	bool logs;		/* as dxc_check() set it */
	bool (*gone)(void *priv, const struct dxc_mount *mt);	/* as dxc_check() has it */
	/*
	 * Told of records, from one number up to another (~0: nobody knows), that a branch's log
	 * loses. May be NULL.
	 */
	void (*lost)(void *priv, const struct dxc_branch *br, u64 from, u64 to);
	void *priv;
	/* Private, of dxc_repair_begin(). */
	u32 slot, epoch;
	dxc_holder me;
};

/*
 * Takes hold of a writable image: a mount slot, under the name host, the volume
 * lock, the leases. Slots, locks and leases of those who are gone are given
 * back first. epoch: as for dxc_mount_claim(). -EBUSY: somebody who is not gone
 * has one of them, nothing is held then. dxc_check() from here on: with a gone
 * that does not take rep->slot for gone.
 */
int dxc_repair_begin(const struct dxc_volume *vol, struct dxc_repair *rep, u32 epoch,
		     const char *host);
/*
 * One round, between begin and end. What is under another finding shows only
 * when that is gone: check again, and come back, until nothing changes any more.
 * Every store leaves the image at least as good as it was. 0, -ENOMEM, -EIO;
 * -EBUSY: somebody has taken over, and nothing was done.
 */
int dxc_repair(const struct dxc_volume *vol, struct dxc_repair *rep);
void dxc_repair_end(const struct dxc_volume *vol, struct dxc_repair *rep);

/*
 * Looks for the copy of the superblock of the image that starts with the region,
 * where the superblock itself cannot be: at the end of the region, and at every
 * block. One with the UUID that the superblock still has comes before others.
 * *vol is what it says, as dxc_volume_open() would have it; *at where it is.
 * -ENOENT: there is none; -ENOTUNIQ: more than one could be it.
 */
int dxc_super_find_copy(const struct dxc_region *rg, struct dxc_volume *vol, dxc_off *at);

#endif
