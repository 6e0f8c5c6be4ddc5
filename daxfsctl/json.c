// SPDX-License-Identifier: GPL-2.0-only
/* The JSON writer. Writes as it is told; keeps no document in memory. */
#include "json.h"

#include <inttypes.h>
#include <stdlib.h>

#include "escape.h"

static void quote(FILE *out, const char *text)
{
	putc('"', out);
	for (const char *p = text; *p; p++) {
		if (*p == '"' || *p == '\\')
			fprintf(out, "\\%c", *p);
		else if ((unsigned char)*p < 0x20)
			fprintf(out, "\\u%04x", (unsigned char)*p);
		else
			putc(*p, out);
	}
	putc('"', out);
}

static void start_line(struct json *json)
{
	putc('\n', json->out);
	for (unsigned int i = 0; i < json->depth; i++)
		fputs("  ", json->out);
}

static void start_member(struct json *json, const char *name)
{
	if (json->has_member)
		putc(',', json->out);
	json->has_member = true;
	start_line(json);
	if (name) {
		quote(json->out, name);
		fputs(": ", json->out);
	}
}

static void open_bracket(struct json *json, const char *name, char bracket)
{
	start_member(json, name);
	putc(bracket, json->out);
	json->depth++;
	json->has_member = false;
}

void json_open_object(struct json *json, const char *name)
{
	open_bracket(json, name, '{');
}

void json_open_array(struct json *json, const char *name)
{
	open_bracket(json, name, '[');
}

void json_close(struct json *json, char bracket)
{
	json->depth--;
	if (json->has_member)
		start_line(json);
	putc(bracket, json->out);
	json->has_member = true;
}

void json_begin(struct json *json, FILE *out, const char *array)
{
	json->out = out;
	json->depth = 1;
	json->has_member = false;
	putc('{', out);
	json_number(json, "schema", JSON_SCHEMA);
	json_open_array(json, array);
}

void json_end(struct json *json)
{
	json_close(json, ']');
	json_close(json, '}');
	putc('\n', json->out);
}

void json_text(struct json *json, const char *name, const char *text)
{
	start_member(json, name);
	quote(json->out, text);
}

void json_bytes(struct json *json, const char *name, const void *bytes, size_t len)
{
	char *line = escape_line(bytes, len);

	/* Without memory the value is missing, and says so by its type. */
	start_member(json, name);
	if (line)
		quote(json->out, line);
	else
		fputs("null", json->out);
	free(line);
}

void json_number(struct json *json, const char *name, uint64_t number)
{
	start_member(json, name);
	fprintf(json->out, "%" PRIu64, number);
}

void json_signed(struct json *json, const char *name, int64_t number)
{
	start_member(json, name);
	fprintf(json->out, "%" PRId64, number);
}

void json_bool(struct json *json, const char *name, bool value)
{
	start_member(json, name);
	fputs(value ? "true" : "false", json->out);
}
