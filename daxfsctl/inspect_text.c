// SPDX-License-Identifier: GPL-2.0-only
/* What all verbs of daxfsctl inspect say alike: what is wrong, modes, types, sizes and times. */
#include "inspect.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "applet.h"
#include "escape.h"
#include "json.h"
#include "message.h"
#include "path.h"
#include "size.h"

void inspect_complain(const struct inspect *in, const char *path, int err,
		      const struct dxc_finding *f)
{
	struct image wrong = { .finding = *f };
	char *text;

	if (f->code == DXC_OK) {
		message_error("%s: %s: %s", in->source, path, strerror(-err));
		return;
	}
	text = image_strerror(&wrong, err);
	message_error("%s: %s: %s", in->source, path, text ? text : strerror(-err));
	free(text);
}

int inspect_lookup(struct inspect *in, const char *path, bool follow,
		   struct dxc_file *file)
{
	struct dxc_finding f = { 0 };
	int err;

	err = path_lookup(&in->from, path, follow, file, &f);
	if (!err)
		return EXIT_OK;
	inspect_complain(in, path, err, &f);
	return err == -ENOENT || err == -ENOTDIR ? EXIT_NOT_FOUND : EXIT_FAILED;
}

char *inspect_size(const struct inspect *in, u64 size, char *buf, size_t n)
{
	if (!in->bytes)
		return size_human(size, buf, n);
	snprintf(buf, n, "%" PRIu64, size);
	return buf;
}

void inspect_mode(u32 mode, char text[INSPECT_MODE_LEN])
{
	static const char types[] = "?pc?d?b?-?l?s???";
	static const char bits[] = "rwxrwxrwx";

	text[0] = types[dxc_type_of_mode(mode)];
	memset(text + 1, '-', 9);
	for (unsigned int i = 0; i < 9; i++)
		if (mode & (0400u >> i))
			text[1 + i] = bits[i];
	if (mode & S_ISUID)
		text[3] = mode & S_IXUSR ? 's' : 'S';
	if (mode & S_ISGID)
		text[6] = mode & S_IXGRP ? 's' : 'S';
	if (mode & S_ISVTX)
		text[9] = mode & S_IXOTH ? 't' : 'T';
	text[10] = '\0';
}

const char *inspect_type(u32 mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "file";
	case S_IFDIR:
		return "directory";
	case S_IFLNK:
		return "symlink";
	case S_IFCHR:
		return "character device";
	case S_IFBLK:
		return "block device";
	case S_IFIFO:
		return "fifo";
	case S_IFSOCK:
		return "socket";
	}
	return "unknown";
}

void inspect_attr_json(struct json *json, const char *type, const struct dxc_attr *attr)
{
	json_text(json, type, inspect_type(attr->mode));
	json_number(json, "mode", attr->mode & 07777);
	json_number(json, "links", attr->nlink);
	json_number(json, "uid", attr->uid);
	json_number(json, "gid", attr->gid);
	json_number(json, "size", attr->size);
	json_signed(json, "modified", attr->mtime);
	json_number(json, "modified_nanoseconds", attr->mtime_nsec);
}

char *inspect_time(s64 seconds, char *buf, size_t n)
{
	time_t when = seconds;
	struct tm tm;

	/* A year past what struct tm holds is still a number. */
	if (!gmtime_r(&when, &tm) || !strftime(buf, n, "%Y-%m-%d %H:%M:%S +0000", &tm))
		snprintf(buf, n, "%" PRId64, seconds);
	return buf;
}

char *inspect_label(const char *label)
{
	return escape_line(label, strlen(label));
}
