// SPDX-License-Identifier: GPL-2.0-only
/*
 * Any region through open and the full check. What the check calls clean is
 * walked afterwards, and then no walk may meet an error.
 */
#include "../unit/broken.h"
#include "region.h"
#include "walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len);

static int report(void *priv, const struct dxc_finding *f)
{
	if (f->code == DXC_OK || f->code >= DXC_CODES || f->area > DAXFS_AREA_COUNT)
		abort();
	/* An honest image has no findings, a hostile one must not print for ever. */
	return ++*(u64 *)priv > 1000000 ? -ECANCELED : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
	u64 reports = 0;
	struct dxc_check chk = { .report = report, .priv = &reports };
	struct walk_result result;
	struct fuzz_region rg;
	struct dxc_volume vol;
	struct dxc_finding f;
	int err;

	fuzz_region_open(&rg, input, len);
	err = dxc_volume_open(&vol, rg.base, rg.size, &f);
	if (err) {
		if (f.code == DXC_OK)
			abort();
	} else {
		/* Fetches that can be disturbed, or those of memory that does not break. */
		vol.region.poisons = rg.noise != 0;
		broken_noise = rg.noise;
		err = dxc_check(&vol, &chk);
		broken_noise = 0;
		if (err || reports != chk.findings)
			abort();
		if (!reports && !rg.noise)
			walk(&vol, true, &result);
	}
	fuzz_region_close(&rg);
	return 0;
}
