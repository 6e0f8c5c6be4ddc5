/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * JSON as daxfsctl writes it: an object with the schema's number and one array,
 * {"schema": 1, NAME: [...]}. Numbers are plain, sizes are bytes.
 *
 * Bytes that somebody else chose are not always text, and JSON is. They are
 * written in the form of escape_line(): what is not printable UTF-8, and the
 * backslash, as \xHH; `printf %b` gives the bytes back.
 */
#ifndef DAXFSCTL_JSON_H
#define DAXFSCTL_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define JSON_SCHEMA 1

struct json {
	FILE *out;
	unsigned int depth;
	bool has_member;	/* the innermost object or array is not empty */
};

/* Opens the document and its array, and ends both. */
void json_begin(struct json *json, FILE *out, const char *array);
void json_end(struct json *json);

/* name is NULL for a member of an array. Each is ended by json_close(). */
void json_open_object(struct json *json, const char *name);
void json_open_array(struct json *json, const char *name);
void json_close(struct json *json, char bracket);

/* Our own words */
void json_text(struct json *json, const char *name, const char *text);
/* Somebody else's bytes */
void json_bytes(struct json *json, const char *name, const void *bytes, size_t len);
void json_number(struct json *json, const char *name, uint64_t number);
void json_signed(struct json *json, const char *name, int64_t number);
void json_bool(struct json *json, const char *name, bool value);

#endif
