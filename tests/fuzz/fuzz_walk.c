// SPDX-License-Identifier: GPL-2.0-only
/* Any region as a mount without "validate" would use it. */
#include "../unit/broken.h"
#include "region.h"
#include "walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
	struct walk_result result;
	struct fuzz_region rg;
	struct dxc_volume vol;

	fuzz_region_open(&rg, input, len);
	if (!dxc_volume_open(&vol, rg.base, rg.size, NULL)) {
		/* Fetches that can be disturbed, or those of memory that does not break. */
		vol.region.poisons = rg.noise != 0;
		broken_noise = rg.noise;
		walk(&vol, false, &result);
		broken_noise = 0;
	}
	fuzz_region_close(&rg);
	return 0;
}
