/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Admin actions of callers that are not root. polkit is asked, and when it has answered the call is
 * put into the queue again and handled from scratch: the caller is identified, the arguments are
 * read and the object is looked up once more, so that nothing that was found before the wait is
 * used after it. An answer is for one message, one action and the details that were shown.
 */
#include <errno.h>
#include <stdio.h>

#include "base/text.h"
#include "bus/bus-private.h"

struct bus_admission {
	struct bus_admission *next;
	struct bus *bus;
	struct bus_call *call;
	enum bus_action action;
	char **details;
	uid_t uid; /* whose quota it counts to */
	bool answered;
	enum bus_answer answer;
};

static struct bus_admission *admission_free(struct bus_admission *a)
{
	if (!a)
		return NULL;
	bus_call_free(a->call);
	strv_free(a->details);
	free(a);
	return NULL;
}
DEFINE_CLEANUP(struct bus_admission *, admission_free);

static void unlink_admission(struct bus_admission *a)
{
	for (struct bus_admission **p = &a->bus->admissions; *p; p = &(*p)->next)
		if (*p == a) {
			*p = a->next;
			break;
		}
	a->bus->handlers->wait_end(a->bus->userdata, a->uid);
}

static int dispatch_again(struct bus_admission *a)
{
	int r = sd_bus_message_rewind(a->call->message, true);

	return r < 0 ? r : sd_bus_enqueue_for_read(a->bus->bus, a->call->message);
}

static void on_answer(void *userdata, enum bus_answer answer)
{
	struct bus_admission *a = userdata;
	int r = 0;

	a->answered = true;
	a->answer = answer;
	if (answer != BUS_ANSWER_GONE)
		r = dispatch_again(a);
	if (r >= 0 && answer != BUS_ANSWER_GONE)
		return;
	if (r < 0)
		bus_reply_errno(TAKE_PTR(a->call), r, "The call could not be taken up again: %s",
			errno_name(-r));
	unlink_admission(a);
	admission_free(a);
}

/* Before any handler sees the message: an answer lasts until the next one comes. */
static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
	struct bus *b = userdata;

	b->admitted = admission_free(b->admitted);
	for (struct bus_admission *a = b->admissions; a; a = a->next)
		if (a->answered && a->call->message == m) {
			unlink_admission(a);
			b->admitted = a;
			break;
		}
	return 0;
}

int bus_add_authorise(struct bus *b)
{
	return sd_bus_add_filter(b->bus, NULL, on_message, b);
}

void bus_authorise_done(struct bus *b)
{
	b->admitted = admission_free(b->admitted);
	while (b->admissions) {
		struct bus_admission *a = b->admissions;

		b->admissions = a->next;
		admission_free(a);
	}
}

bool bus_is_admitted(const struct bus *b, const sd_bus_message *m)
{
	return b->admitted && b->admitted->call->message == m;
}

static bool same_details(char **a, char *const *b)
{
	for (; *a && *b; a++, b++)
		if (!streq(*a, *b))
			return false;
	return !*a && !*b;
}

static int admission_new(struct bus *b, sd_bus_message *m, enum bus_action action,
	char *const *details, struct bus_admission **ret)
{
	_cleanup_(admission_free_cleanup) struct bus_admission *a = calloc(1, sizeof(*a));
	int r = 0;

	if (!a)
		return -ENOMEM;
	a->bus = b;
	a->action = action;
	a->call = bus_call_new(m);
	a->details = calloc(1, sizeof(char *));
	if (!a->call || !a->details)
		return -ENOMEM;
	for (; r >= 0 && *details; details++)
		r = strv_append(&a->details, *details);
	if (r >= 0)
		*ret = TAKE_PTR(a);
	return r;
}

static int ask(struct bus *b, sd_bus_message *m, const struct peer *peer, enum bus_action action,
	char *const *details, sd_bus_error *e)
{
	_cleanup_(admission_free_cleanup) struct bus_admission *a = NULL;
	int r = b->handlers->wait_begin(b->userdata, peer->uid);

	if (r < 0)
		return bus_set_errno(e, r,
			"Too many requests of this user wait already; let them end first");
	r = admission_new(b, m, action, details, &a);
	if (r >= 0)
		r = bus_ask(b, a->call, action, details, bus_ask_deadline(a->call), on_answer, a);
	if (r < 0) {
		b->handlers->wait_end(b->userdata, peer->uid);
		return bus_set_errno(e, r, "polkit could not be asked");
	}
	a->uid = peer->uid;
	a->next = b->admissions;
	b->admissions = TAKE_PTR(a);
	return 0;
}

static int set_refused(sd_bus_error *e, const struct bus_admission *a)
{
	_cleanup_free_ char *text = NULL;

	if (asprintf(&text, "%s (action %s); an administrator can authorise it",
		    bus_answer_to_text(a->answer), bus_action_id(a->action)) < 0)
		return -ENOMEM;
	bus_set_errno(e, -EACCES, text);
	return -EACCES;
}

int bus_authorise(struct bus *b, sd_bus_message *m, struct peer *peer, enum bus_action action,
	const char *const *details, sd_bus_error *e)
{
	const struct bus_admission *a = bus_is_admitted(b, m) ? b->admitted : NULL;
	char *const *pairs = (char *const *)details;

	if (peer->uid == 0)
		return 1;
	if (!a || a->action != action || !same_details(a->details, pairs))
		return ask(b, m, peer, action, pairs, e);
	if (a->answer != BUS_ANSWER_YES)
		return set_refused(e, a);
	peer->authorised |= 1U << action;
	return 1;
}
