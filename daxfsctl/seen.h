/* SPDX-License-Identifier: GPL-2.0-only */
/* Every daxfs that can be seen from here: on devices, in files, mounted. */
#ifndef DAXFSCTL_SEEN_H
#define DAXFSCTL_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <daxfs/format.h>

/* One volume. What is not known (who may not read it, is told less) says so. */
struct seen {
	char *source;		/* as other applets take it, or as the mount table calls it */
	const char *backing;	/* static: "file", "block", "dax", "phys", "dmabuf" */
	dev_t device;		/* a device that it is on; 0: none */
	bool is_known;		/* version to region are */
	uint32_t version;
	char label[DAXFS_LABEL_LEN + 1];
	uint8_t uuid[16];
	uint64_t size;		/* bytes of the image */
	uint64_t region;	/* bytes of what it is in */
	bool has_usage;
	uint64_t used, of;	/* bytes, as df counts them */
	bool has_branches;
	uint32_t branches;
	char **targets;		/* where this machine shows it */
	size_t target_count;
};

struct seen_list {
	struct seen *seen;
	size_t count;
};

/*
 * Looks at all block devices, all DAX devices and the mount table. What cannot
 * be opened is passed over. 0 or -ENOMEM.
 */
int seen_all(struct seen_list *list);
/*
 * Looks at one SOURCE, and where it is mounted. *words: a sentence for an error,
 * to be freed. 0, -ENOENT: it is not there, or no daxfs; or another -errno.
 */
int seen_one(struct seen_list *list, const char *text, char **words);
void seen_free(struct seen_list *list);

#endif
