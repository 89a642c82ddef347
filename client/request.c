/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Requests. Values of options go to the daemon as they are: it alone knows which are valid. */
#include <errno.h>
#include <pwd.h>
#include <string.h>

#include "base/text.h"
#include "bus.h"
#include "request.h"
#include "status.h"

int parse_user(const char *text, uid_t *ret)
{
	const struct passwd *user;
	uint64_t number;

	if (parse_u64(text, &number) >= 0) {
		if (number >= UINT32_MAX)
			return -ERANGE;
		*ret = number;
		return 0;
	}
	errno = 0;
	user = getpwnam(text);
	if (!user)
		return errno ? -errno : -ESRCH;
	*ret = user->pw_uid;
	return 0;
}

static int append_text(sd_bus_message *m, const char *key, const char *value)
{
	return value ? sd_bus_message_append(m, "{sv}", key, "s", value) : 0;
}

static int append_options(sd_bus_message *m, const struct options *o, const uid_t *for_uid)
{
	int r = sd_bus_message_open_container(m, 'a', "{sv}");

	if (r >= 0)
		r = append_text(m, "handover", o->handover);
	if (r >= 0)
		r = append_text(m, "backend", o->backend);
	if (r >= 0)
		r = append_text(m, "reset-set", o->reset_set);
	if (r >= 0)
		r = append_text(m, "isolation", o->isolation);
	if (r >= 0)
		r = append_text(m, "label", o->label);
	if (r >= 0 && for_uid)
		r = sd_bus_message_append(m, "{sv}", "for-uid", "u", (uint32_t)*for_uid);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

int request_new(struct ctl *c, const char *method, char *const *devices, sd_bus_message **ret)
{
	_cleanup_message_ sd_bus_message *m = NULL;
	const char *user = c->options.for_user ? c->options.for_user : c->options.user;
	uid_t uid = 0;
	int r;

	if (user && (r = parse_user(user, &uid)) < 0)
		return fail(STATUS_FAILED, "cannot find user %s: %s", user,
			r == -ESRCH ? "no such user" : strerror(-r));
	r = bus_new_call(c, BUS_PATH, BUS_MANAGER, method, &m);
	if (r != STATUS_OK)
		return r;
	r = sd_bus_message_append_strv(m, (char **)devices);
	if (r >= 0)
		r = append_options(m, &c->options, user ? &uid : NULL);
	if (r < 0)
		return fail_call(NULL, r);
	*ret = TAKE_PTR(m);
	return STATUS_OK;
}
