// SPDX-License-Identifier: GPL-2.0-only
/* daxfsctl inspect SOURCE: the superblock and the areas, or a mount's volume. */
#include "inspect.h"

#include <inttypes.h>
#include <libsmartcols.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <uuid.h>

#include <daxfs/ioctl.h>

#include "../kmod/core/branch.h"
#include "applet.h"
#include "columns.h"
#include "json.h"
#include "message.h"
#include "mounted.h"

static void print_line(const char *name, const char *value)
{
	printf("%-14s %s\n", name, value);
}

static void print_size(const struct inspect *in, const char *name, u64 size)
{
	char buf[32];

	print_line(name, inspect_size(in, size, buf, sizeof(buf)));
}

static void print_number(const char *name, u64 number)
{
	char buf[32];

	snprintf(buf, sizeof(buf), "%" PRIu64, number);
	print_line(name, buf);
}

static void print_label(const char *label)
{
	char *text = inspect_label(label);

	print_line("Label:", text ? text : "");
	free(text);
}

/* Live ones; what cannot be read is passed over. */
static u32 count_branches(const struct dxc_volume *vol)
{
	struct dxc_branch br;
	u32 index = 0, count = 0;

	if (!dxc_volume_is_writable(vol))
		return 0;
	while (dxc_branch_next(vol, &index, &br) == 0)
		count++;
	return count;
}

static void print_of(const char *name, u64 number, u64 of)
{
	char buf[64];

	snprintf(buf, sizeof(buf), "%" PRIu64 " of %" PRIu64, number, of);
	print_line(name, buf);
}

static void json_features(struct json *json, u32 compat, u32 ro_compat, u32 incompat)
{
	json_open_object(json, "features");
	json_number(json, "compat", compat);
	json_number(json, "ro_compat", ro_compat);
	json_number(json, "incompat", incompat);
	json_close(json, '}');
}

static void print_features(u32 compat, u32 ro_compat, u32 incompat)
{
	char buf[64];

	snprintf(buf, sizeof(buf), "0x%x compat, 0x%x ro_compat, 0x%x incompat", compat,
		 ro_compat, incompat);
	print_line("Features:", buf);
}

static void super_json(struct inspect *in, const char *uuid)
{
	const struct dxc_volume *vol = &in->img.vol;
	struct json json;

	json_begin(&json, stdout, "images");
	json_open_object(&json, NULL);
	json_bytes(&json, "source", in->source, strlen(in->source));
	json_text(&json, "uuid", uuid);
	json_bytes(&json, "label", vol->label, strlen(vol->label));
	json_number(&json, "version", vol->version);
	json_bool(&json, "writable", dxc_volume_is_writable(vol));
	json_features(&json, vol->compat, vol->ro_compat, vol->incompat);
	json_number(&json, "image_size", vol->region.size);
	json_number(&json, "region_size", in->img.src.size);
	json_number(&json, "block_size", DAXFS_BLOCK_SIZE);
	json_number(&json, "chunk_size", vol->chunk_size);
	json_number(&json, "inodes", vol->inode_count);
	json_number(&json, "data_blocks", vol->data_blocks);
	json_signed(&json, "created", vol->created);
	json_number(&json, "branches", count_branches(vol));
	json_number(&json, "branch_slots", vol->branch_count);
	json_number(&json, "mount_slots", vol->mount_count);
	json_number(&json, "chunks", dxc_chunk_count(vol));
	json_open_array(&json, "areas");
	for (unsigned int i = 0; i < DAXFS_AREA_COUNT; i++) {
		if (!vol->area[i].length)
			continue;
		json_open_object(&json, NULL);
		json_text(&json, "name", dxc_area_name(i));
		json_number(&json, "offset", vol->area[i].offset);
		json_number(&json, "length", vol->area[i].length);
		json_number(&json, "checksum", vol->area[i].checksum);
		json_close(&json, '}');
	}
	json_close(&json, ']');
	json_close(&json, '}');
	json_end(&json);
}

static int fill_areas(struct inspect *in, struct libscols_table *table)
{
	char buf[32];

	if (!scols_table_new_column(table, "AREA", 0, 0) ||
	    !scols_table_new_column(table, "OFFSET", 0, SCOLS_FL_RIGHT) ||
	    !scols_table_new_column(table, "LENGTH", 0, SCOLS_FL_RIGHT) ||
	    !scols_table_new_column(table, "CHECKSUM", 0, SCOLS_FL_RIGHT))
		return -ENOMEM;
	for (unsigned int i = 0; i < DAXFS_AREA_COUNT; i++) {
		const struct dxc_area *ar = &in->img.vol.area[i];
		struct libscols_line *line;

		if (!ar->length)
			continue;
		line = scols_table_new_line(table, NULL);
		if (!line || scols_line_set_data(line, 0, dxc_area_name(i)))
			return -ENOMEM;
		snprintf(buf, sizeof(buf), "0x%" PRIx64, ar->offset);
		if (scols_line_set_data(line, 1, buf) ||
		    scols_line_set_data(line, 2,
					inspect_size(in, ar->length, buf, sizeof(buf))))
			return -ENOMEM;
		if (i >= DAXFS_AREA_INODES && i <= DAXFS_AREA_EXTENTS)
			snprintf(buf, sizeof(buf), "0x%08x", ar->checksum);
		else
			buf[0] = '\0';
		if (scols_line_set_data(line, 3, buf))
			return -ENOMEM;
	}
	return 0;
}

static int print_areas(struct inspect *in)
{
	struct libscols_table *table;
	int err;

	table = columns_new_table();
	if (!table)
		return -ENOMEM;
	err = fill_areas(in, table);
	if (!err)
		err = scols_print_table(table);
	scols_unref_table(table);
	return err;
}

int inspect_super(struct inspect *in)
{
	const struct dxc_volume *vol = &in->img.vol;
	char uuid[UUID_STR_LEN];
	char buf[64];
	int err;

	uuid_unparse_lower(vol->uuid, uuid);
	if (in->json) {
		super_json(in, uuid);
		return EXIT_OK;
	}
	print_line("UUID:", uuid);
	print_label(vol->label);
	print_number("Version:", vol->version);
	print_features(vol->compat, vol->ro_compat, vol->incompat);
	print_size(in, "Image size:", vol->region.size);
	print_size(in, "Region size:", in->img.src.size);
	print_number("Inodes:", vol->inode_count);
	print_size(in, "Data:", vol->data_blocks * DAXFS_BLOCK_SIZE);
	print_line("Created:", inspect_time(vol->created, buf, sizeof(buf)));
	if (dxc_volume_is_writable(vol)) {
		print_of("Branches:", count_branches(vol), vol->branch_count);
		print_number("Mount slots:", vol->mount_count);
		print_number("Chunks:", dxc_chunk_count(vol));
		print_size(in, "Chunk size:", vol->chunk_size);
	}
	putchar('\n');
	err = print_areas(in);
	if (err) {
		message_error("%s: %s", in->source, strerror(-err));
		return EXIT_FAILED;
	}
	return EXIT_OK;
}

static void mount_json(struct inspect *in, const struct daxfs_volume_info *info,
		       const char *uuid)
{
	struct json json;

	json_begin(&json, stdout, "images");
	json_open_object(&json, NULL);
	json_bytes(&json, "source", in->source, strlen(in->source));
	json_text(&json, "uuid", uuid);
	json_bytes(&json, "label", info->dv_label, strlen(info->dv_label));
	json_number(&json, "version", info->dv_version);
	json_bool(&json, "writable", info->dv_incompat & DAXFS_INCOMPAT_DELTA);
	json_features(&json, info->dv_compat, info->dv_ro_compat, info->dv_incompat);
	json_number(&json, "image_size", info->dv_image_size);
	json_number(&json, "region_size", info->dv_region_size);
	json_number(&json, "block_size", info->dv_block_size);
	json_number(&json, "inodes", info->dv_inode_count);
	json_number(&json, "data_blocks", info->dv_data_blocks);
	json_text(&json, "backing", mounted_backing(info->dv_backing));
	if (info->dv_phys)
		json_number(&json, "physical_address", info->dv_phys);
	json_bool(&json, "validated", info->dv_flags & DAXFS_VOLUME_VALIDATED);
	json_close(&json, '}');
	json_end(&json);
}

int inspect_mount(struct inspect *in)
{
	struct daxfs_volume_info info = { .dv_size = sizeof(info) };
	char uuid[UUID_STR_LEN];
	char buf[32];

	if (ioctl(in->img.src.fd, DAXFS_IOC_VOLUME_INFO, &info) < 0) {
		message_error("%s: the mount does not say what it is: %s", in->source,
			      strerror(errno));
		return EXIT_FAILED;
	}
	info.dv_label[sizeof(info.dv_label) - 1] = '\0';
	uuid_unparse_lower(info.dv_uuid, uuid);
	if (in->json) {
		mount_json(in, &info, uuid);
		return EXIT_OK;
	}
	print_line("UUID:", uuid);
	print_label(info.dv_label);
	print_number("Version:", info.dv_version);
	print_features(info.dv_compat, info.dv_ro_compat, info.dv_incompat);
	print_size(in, "Image size:", info.dv_image_size);
	print_size(in, "Region size:", info.dv_region_size);
	print_number("Inodes:", info.dv_inode_count);
	print_size(in, "Data:", info.dv_data_blocks * info.dv_block_size);
	print_line("Backing:", mounted_backing(info.dv_backing));
	if (info.dv_phys) {
		snprintf(buf, sizeof(buf), "0x%llx", (unsigned long long)info.dv_phys);
		print_line("Physical:", buf);
	}
	print_line("Validated:", info.dv_flags & DAXFS_VOLUME_VALIDATED ? "yes" : "no");
	return EXIT_OK;
}
