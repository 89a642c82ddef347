/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* D-Bus messages to JSON. sd-bus has checked the message, so nesting is bounded (64 levels). */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"
#include "json.h"

union basic {
	uint8_t y;
	int b;
	int16_t n;
	uint16_t q;
	int32_t i;
	uint32_t u;
	int64_t x;
	uint64_t t;
	double d;
	const char *s;
	int h;
};

static json_t *json_from_basic(char type, const union basic *v)
{
	switch (type) {
	case 'y':
		return json_integer(v->y);
	case 'b':
		return json_boolean(v->b);
	case 'n':
		return json_integer(v->n);
	case 'q':
		return json_integer(v->q);
	case 'i':
		return json_integer(v->i);
	case 'u':
		return json_integer(v->u);
	case 'x':
		return json_integer(v->x);
	case 't':
		return v->t <= INT64_MAX ? json_integer((json_int_t)v->t) : json_real((double)v->t);
	case 'd':
		return json_real(v->d);
	case 's':
	case 'o':
	case 'g':
		return json_string(v->s);
	default:
		return json_null();
	}
}

static int read_basic(sd_bus_message *m, char type, json_t **ret)
{
	union basic v = {0};
	int r = sd_bus_message_read_basic(m, type, &v);

	if (r < 0)
		return r;
	*ret = json_from_basic(type, &v);
	return *ret ? 0 : -ENOMEM;
}

static int read_key(sd_bus_message *m, char **ret)
{
	_cleanup_json_ json_t *key = NULL;
	const char *contents;
	char type, *text = NULL;
	int r = sd_bus_message_peek_type(m, &type, &contents);

	if (r < 0)
		return r;
	r = read_basic(m, type, &key);
	if (r < 0)
		return r;
	if (json_is_string(key))
		return strdup_to(ret, json_string_value(key));
	text = json_dumps(key, JSON_ENCODE_ANY);
	if (!text)
		return -ENOMEM;
	*ret = text;
	return 0;
}

static int read_entry(sd_bus_message *m, const char *contents, json_t *object)
{
	_cleanup_free_ char *key = NULL;
	json_t *value = NULL;
	int r = sd_bus_message_enter_container(m, 'e', contents);

	if (r < 0)
		return r;
	r = read_key(m, &key);
	if (r < 0)
		return r;
	r = json_from_message(m, &value);
	if (r < 0)
		return r;
	if (json_object_set_new(object, key, value) < 0)
		return -ENOMEM;
	return sd_bus_message_exit_container(m);
}

/* contents: the signature of one entry with its braces. */
static int read_entries(sd_bus_message *m, const char *contents, json_t *object)
{
	_cleanup_free_ char *inner = strdup(contents + 1);
	int r;

	if (!inner)
		return -ENOMEM;
	inner[__builtin_strlen(inner) - 1] = '\0';
	while ((r = sd_bus_message_at_end(m, false)) == 0) {
		r = read_entry(m, inner, object);
		if (r < 0)
			return r;
	}
	return r < 0 ? r : 0;
}

static int read_items(sd_bus_message *m, json_t *array)
{
	int r;

	while ((r = sd_bus_message_at_end(m, false)) == 0) {
		json_t *item = NULL;

		r = json_from_message(m, &item);
		if (r < 0)
			return r;
		if (json_array_append_new(array, item) < 0)
			return -ENOMEM;
	}
	return r < 0 ? r : 0;
}

static int read_container(sd_bus_message *m, char type, const char *contents, json_t **ret)
{
	bool dictionary = type == 'a' && contents[0] == '{';
	_cleanup_json_ json_t *value = dictionary ? json_object() : json_array();
	int r;

	if (!value)
		return -ENOMEM;
	r = sd_bus_message_enter_container(m, type, contents);
	if (r < 0)
		return r;
	r = dictionary ? read_entries(m, contents, value) : read_items(m, value);
	if (r < 0)
		return r;
	r = sd_bus_message_exit_container(m);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(value);
	return 0;
}

int json_from_message(sd_bus_message *m, json_t **ret)
{
	_cleanup_json_ json_t *inner = NULL;
	const char *contents;
	char type;
	int r = sd_bus_message_peek_type(m, &type, &contents);

	if (r < 0)
		return r;
	if (r == 0)
		return -ENXIO;
	if (type == 'a' || type == 'r')
		return read_container(m, type, contents, ret);
	if (type != 'v')
		return read_basic(m, type, ret);
	r = sd_bus_message_enter_container(m, 'v', contents);
	if (r < 0)
		return r;
	r = json_from_message(m, &inner);
	if (r < 0)
		return r;
	r = sd_bus_message_exit_container(m);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(inner);
	return 0;
}

const char *json_text(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? s : "";
}

json_int_t json_number(const json_t *object, const char *key, json_int_t fallback)
{
	const json_t *v = json_object_get(object, key);

	return json_is_integer(v) ? json_integer_value(v) : fallback;
}

char *json_join(const json_t *object, const char *key, const char *separator)
{
	_cleanup_text_ struct text t = {0};
	const json_t *array = json_object_get(object, key);
	json_t *item;
	size_t i;

	text_append(&t, "");
	json_array_foreach(array, i, item) {
		const char *s = json_string_value(item);

		if (i > 0)
			text_append(&t, separator);
		text_append(&t, s ? s : "?");
	}
	return text_steal(&t);
}
