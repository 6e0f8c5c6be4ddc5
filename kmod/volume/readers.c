// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mounts of other kernels that may read what a branch gives up here: whoever writes it keeps that
 * until they have followed.
 */
#include "volume.h"

static bool is_ours(struct daxfs_volume *vol, const struct dxc_mount *mt)
{
	struct daxfs_pulse *pulse;
	bool ours = false;

	spin_lock(&vol->watch_lock);
	list_for_each_entry(pulse, &vol->pulses, list)
		ours |= pulse->slot == mt->slot && pulse->epoch == mt->epoch;
	spin_unlock(&vol->watch_lock);
	return ours;
}

static bool is_none(void *priv, const struct dxc_mount *mt)
{
	return is_ours(priv, mt) || daxfs_mount_is_dead(priv, mt);
}

bool daxfs_readers_none(struct daxfs_volume *vol, const struct dxc_layer *layer)
{
	return !layer->retired_count &&
		dxc_branch_watch(&vol->core, layer->owner.branch) == READ_ONCE(layer->quiet) &&
		dxc_commit_word(&vol->core) == READ_ONCE(layer->quiet_word);
}

bool daxfs_readers_find(struct daxfs_volume *vol, struct dxc_layer *layer,
			struct dxc_readers *readers)
{
	u64 watch = dxc_branch_watch(&vol->core, layer->owner.branch);
	u64 word = dxc_commit_word(&vol->core), seq = dxc_commit_seq(&vol->core);

	/* A mount that is not among them yet counts up what was just loaded. */
	smp_mb();
	dxc_branch_readers(&vol->core, layer->owner, layer->log.seq, is_none, vol, readers);
	if (readers->any || readers->seen < seq)
		return true;
	WRITE_ONCE(layer->quiet_word, word);
	WRITE_ONCE(layer->quiet, watch);
	return false;
}
