// SPDX-License-Identifier: GPL-2.0-only
/*
 * The form of what daxfsctl says on stderr, and the words for what the core
 * found. Decides nothing: whether and when to speak is the applets' business.
 */
#include "message.h"

#include <stdarg.h>
#include <stdlib.h>

#include "../kmod/core/core.h"
#include "escape.h"

static const char *message_verb;

void message_set_verb(const char *verb)
{
	message_verb = verb;
}

/* One line whatever is in the arguments: names may hold any byte. */
static void print_line(const char *head, const char *format, va_list args)
{
	char *text;

	/* The progress bar and the message would otherwise change places. */
	fflush(stdout);
	fputs("daxfsctl: ", stderr);
	if (message_verb)
		fprintf(stderr, "%s: ", message_verb);
	fputs(head, stderr);
	if (vasprintf(&text, format, args) < 0) {
		fputs("out of memory\n", stderr);
		return;
	}
	escape_print(stderr, text);
	fputc('\n', stderr);
	free(text);
}

void message_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_line("", format, args);
	va_end(args);
}

void message_hint(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_line("hint: ", format, args);
	va_end(args);
}

/* How people read the detail of a finding. */
static const char *detail_format(unsigned int code)
{
	switch (code) {
	case DXC_SB_SHORT:
	case DXC_SB_OLD:
	case DXC_SB_VERSION:
	case DXC_SB_BLOCK_SIZE:
	case DXC_SB_IMAGE_SIZE:
	case DXC_SB_REGION_SIZE:
	case DXC_SB_COUNT:
	case DXC_SB_AREA_LENGTH:
	case DXC_SB_CHUNK_SIZE:
	case DXC_INO_RANGE:
	case DXC_INO_NSEC:
	case DXC_INO_NLINK:
	case DXC_INO_SIZE:
	case DXC_INO_PARENT:
	case DXC_INO_XATTR:
	case DXC_DE_INO:
	case DXC_DE_TYPE:
	case DXC_DE_NAME:
	case DXC_DE_ORDER:
	case DXC_EX_ORDER:
	case DXC_XA_SIZE:
	case DXC_XA_PREFIX:
	case DXC_DIR_PARENT:
	case DXC_DIR_NAMES:
	case DXC_SS_INO:
	case DXC_SS_GEN:
	case DXC_CH_WORD:
	case DXC_CH_OWNER:
	case DXC_CH_SEQ:
	case DXC_CH_IDLE:
	case DXC_MT_GONE:
	case DXC_LR_NLINK:
	case DXC_LR_NAMES:
	case DXC_LR_PARENT:
		return " (%llu)";
	case DXC_INO_MODE:
		return " (0%llo)";
	case DXC_SB_CHECKSUM:
	case DXC_AREA_CHECKSUM:
	case DXC_FILE_CHECKSUM:
		return " (0x%08llx would be right)";
	case DXC_SB_FEATURE:
	case DXC_SB_AREA_BOUNDS:
	case DXC_SB_AREA_ORDER:
	case DXC_INO_FLAGS:
	case DXC_INO_DATA:
	case DXC_DE_HASH:
	case DXC_EX_ALIGN:
	case DXC_EX_BOUNDS:
	case DXC_FILE_OVERLAP:
	case DXC_DIR_OVERLAP:
	case DXC_BR_ORPHAN:
	case DXC_BR_LOST:
	case DXC_BR_LEASE:
	case DXC_SS_LOCK:
	case DXC_MT_OWNER:
	case DXC_BR_WINNER:
	case DXC_BR_LOOP:
	case DXC_BR_DEEP:
		return " (0x%llx)";
	}
	return NULL;
}

void message_finding(FILE *out, const struct dxc_finding *f, const char *path)
{
	const char *format = detail_format(f->code);

	if (f->ino)
		fprintf(out, "inode %llu", (unsigned long long)f->ino);
	else
		fputs(dxc_area_name(f->area), out);
	if (path) {
		fputs(", ", out);
		escape_print(out, path);
	}
	fprintf(out, ": %s", dxc_code_text(f->code));
	if (format) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		fprintf(out, format, (unsigned long long)f->detail);
#pragma GCC diagnostic pop
	}
	fprintf(out, ", at 0x%llx", (unsigned long long)f->offset);
}
