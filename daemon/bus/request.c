/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading what Acquire and Explain are asked for. Nothing is kept of a message beyond its limits:
 * the number of devices is checked while reading.
 */
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "bus/bus-private.h"

void bus_request_done(struct bus_request *r)
{
	strv_free(r->request.devices);
	free(r->label);
	*r = (struct bus_request){0};
}

static int read_devices(sd_bus_message *m, struct bus_request *r, sd_bus_error *e)
{
	size_t n = 0;
	const char *s;
	int k = sd_bus_message_enter_container(m, 'a', "s");

	if (k < 0)
		return k;
	while ((k = sd_bus_message_read(m, "s", &s)) > 0) {
		if (++n > REQUEST_DEVICES_MAX)
			return sd_bus_error_setf(e, SD_BUS_ERROR_INVALID_ARGS,
				"More than %u devices in one request", REQUEST_DEVICES_MAX);
		k = strv_append(&r->request.devices, s);
		if (k < 0)
			return k;
	}
	return k < 0 ? k : sd_bus_message_exit_container(m);
}

static int bad_value(sd_bus_error *e, const char *option, const char *value, const char *known)
{
	_cleanup_free_ char *safe = escape_text(value, 64);

	return sd_bus_error_setf(e, SD_BUS_ERROR_INVALID_ARGS,
		"Option %s has the unknown value '%s'; it takes %s", option, safe ? safe : "",
		known);
}

static int set_label(struct bus_request *r, const char *value, sd_bus_error *e)
{
	if (strlen(value) > BUS_LABEL_MAX)
		return sd_bus_error_setf(e, SD_BUS_ERROR_INVALID_ARGS,
			"Option label is longer than %d bytes", BUS_LABEL_MAX);
	free(r->label);
	r->label = NULL;
	return strdup_to(&r->label, value);
}

static int set_string(struct bus_request *r, const char *key, const char *value, sd_bus_error *e)
{
	int k;

	if (streq(key, "label"))
		return set_label(r, value, e);
	if (streq(key, "handover")) {
		k = handover_from_string(value);
		if (k < 0)
			return bad_value(e, key, value, "attached, opened, guarded or node");
		r->request.handover = k;
	} else if (streq(key, "backend")) {
		k = backend_from_string(value);
		if (k < 0)
			return bad_value(e, key, value, "any, iommufd or legacy");
		r->request.backend = k;
	} else if (streq(key, "reset-set")) {
		k = reset_set_from_string(value);
		if (k < 0)
			return bad_value(e, key, value, "exclusive, function, both or tolerate");
		r->request.reset_set = k;
	} else {
		k = isolation_from_string(value);
		if (k < 0)
			return bad_value(e, key, value, "strict or group");
		r->request.isolation = k;
	}
	return 0;
}

static bool is_string_option(const char *key)
{
	return streq(key, "label") || streq(key, "handover") || streq(key, "backend") ||
		streq(key, "reset-set") || streq(key, "isolation");
}

/* Each option once: a message holds many, and the loop waits for us. */
#define OPTIONS_MAX 16

static int read_option(sd_bus_message *m, struct bus_request *r, sd_bus_error *e)
{
	_cleanup_free_ char *safe = NULL;
	const char *key, *want, *type, *value;
	uint32_t uid;
	int k = sd_bus_message_read(m, "s", &key);

	if (k < 0)
		return k;
	safe = escape_text(key, 64);
	want = is_string_option(key) ? "s" : streq(key, "for-uid") ? "u" : NULL;
	if (!want)
		return sd_bus_error_setf(e, SD_BUS_ERROR_INVALID_ARGS, "Unknown option '%s'",
			safe ? safe : "");
	k = sd_bus_message_peek_type(m, NULL, &type);
	if (k < 0)
		return k;
	if (!streq(type, want))
		return sd_bus_error_setf(e, SD_BUS_ERROR_INVALID_ARGS,
			"Option %s has type '%s' where '%s' is wanted", safe, type, want);
	if (streq(want, "s")) {
		k = sd_bus_message_read(m, "v", "s", &value);
		return k < 0 ? k : set_string(r, key, value, e);
	}
	k = sd_bus_message_read(m, "v", "u", &uid);
	/* (uid_t)-1 means "leave as it is" to the kernel, and so did 65535 once. */
	if (k >= 0 && (uid == UINT32_MAX || uid == UINT16_MAX))
		return sd_bus_error_setf(e, SD_BUS_ERROR_INVALID_ARGS,
			"Option for-uid: %u is not a valid uid", uid);
	r->has_for_uid = true;
	r->for_uid = uid;
	return k;
}

int bus_read_request(sd_bus_message *m, struct bus_request *ret, sd_bus_error *e)
{
	_cleanup_(bus_request_done) struct bus_request r = {0};
	unsigned n = 0;
	int k = read_devices(m, &r, e);

	if (k >= 0)
		k = sd_bus_message_enter_container(m, 'a', "{sv}");
	if (k < 0)
		return k;
	while ((k = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
		if (++n > OPTIONS_MAX)
			return sd_bus_error_setf(e, SD_BUS_ERROR_INVALID_ARGS,
				"More than %d options", OPTIONS_MAX);
		k = read_option(m, &r, e);
		if (k >= 0)
			k = sd_bus_message_exit_container(m);
		if (k < 0)
			return k;
	}
	if (k < 0)
		return k;
	if (!r.request.devices) { /* an empty list is the decision's to refuse */
		r.request.devices = calloc(1, sizeof(char *));
		if (!r.request.devices)
			return -ENOMEM;
	}
	*ret = r;
	r = (struct bus_request){0};
	return 0;
}
