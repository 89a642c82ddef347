/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Values on the wire. Each is appended by its basic type, since a listing may have 200,000. */
#include <errno.h>

#include "base/text.h"
#include "bus/property.h"

void bus_value_string(struct bus_value *v, const char *s)
{
	v->type = "s";
	v->string = s ? s : "";
}

void bus_value_number(struct bus_value *v, const char *type, int64_t n)
{
	v->type = type;
	v->number = n;
}

void bus_value_done(struct bus_value *v)
{
	strv_free(v->list);
}

const struct bus_property *bus_property_find(const struct bus_property *properties, size_t n,
	const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (streq(properties[i].name, name))
			return &properties[i];
	return NULL;
}

static int append_list(sd_bus_message *m, const struct bus_value *v)
{
	int r = sd_bus_message_open_container(m, 'a', "s");

	for (char **s = v->list; r >= 0 && s && *s; s++)
		r = sd_bus_message_append_basic(m, 's', *s);
	for (size_t i = 0; r >= 0 && i < v->n_devices; i++)
		r = sd_bus_message_append_basic(m, 's', v->devices[i]->address);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_number(sd_bus_message *m, const struct bus_value *v)
{
	union {
		int b;
		uint16_t q;
		int32_t i;
		uint32_t u;
		uint64_t t;
	} number;

	switch (v->type[0]) {
	case 'b':
		number.b = v->number != 0;
		break;
	case 'q':
		number.q = (uint16_t)v->number;
		break;
	case 'i':
		number.i = (int32_t)v->number;
		break;
	case 'u':
		number.u = (uint32_t)v->number;
		break;
	case 't':
		number.t = (uint64_t)v->number;
		break;
	default:
		return -EINVAL;
	}
	return sd_bus_message_append_basic(m, v->type[0], &number);
}

static int append_value(sd_bus_message *m, const struct bus_value *v, const void *object)
{
	if (v->append)
		return v->append(m, object);
	if (v->type[0] == 's')
		return sd_bus_message_append_basic(m, 's', v->string);
	return v->type[0] == 'a' ? append_list(m, v) : append_number(m, v);
}

int bus_property_append(sd_bus_message *m, const struct bus_property *p, const void *object)
{
	struct bus_value v = {0};
	int r;

	p->get(object, &v);
	r = append_value(m, &v, object);
	bus_value_done(&v);
	return r;
}

int bus_property_append_entry(sd_bus_message *m, const struct bus_property *p, const void *object)
{
	struct bus_value v = {0};
	int r;

	p->get(object, &v);
	r = sd_bus_message_open_container(m, 'e', "sv");
	if (r >= 0)
		r = sd_bus_message_append_basic(m, 's', p->name);
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'v', v.type);
	if (r >= 0)
		r = append_value(m, &v, object);
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	bus_value_done(&v);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

int bus_properties_append(sd_bus_message *m, const struct bus_property *properties, size_t n,
	const void *object)
{
	int r = sd_bus_message_open_container(m, 'a', "{sv}");

	for (size_t i = 0; r >= 0 && i < n; i++)
		r = bus_property_append_entry(m, &properties[i], object);
	return r < 0 ? r : sd_bus_message_close_container(m);
}
