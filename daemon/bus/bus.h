/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The wire: sd-bus objects of the contract in dbus/, turned into calls of struct bus_handlers. It
 * parses, identifies the caller and formats; it decides nothing. Every method call ends in exactly
 * one reply, at once or later through a bus_call that the handler keeps.
 */
#pragma once

#include <stdbool.h>
#include <systemd/sd-bus.h>

#include "bus/peer.h"
#include "bus/polkit.h"
#include "core/decide.h"
#include "core/topology.h"

#define BUS_NAME "org.devlease1"
#define BUS_PATH "/org/devlease1"
#define BUS_DEVICE_PATH BUS_PATH "/device"
#define BUS_LEASE_PATH BUS_PATH "/lease"
/* dbus-daemon disconnects a sender with more fds than this in one message. */
#define BUS_FDS_MAX 16
#define BUS_LABEL_MAX 256
#define BUS_REASON_MAX 256

/* A method call that waits for its reply. Exactly one bus_reply_*() consumes it. */
struct bus_call;

/* Acquire and Explain as parsed; owned by the caller of the handler. */
struct bus_request {
	struct request request;
	char *label;      /* NULL when not given */
	bool has_for_uid; /* on behalf of for_uid, which the caller may */
	uid_t for_uid;
};
void bus_request_done(struct bus_request *r);

/* One device as the bus shows it. Pointers are borrowed until the handler is called again. */
struct bus_device {
	const struct device *device;
	const char *vendor_name, *model_name;
	const char *original_driver; /* NULL: none */
	const char *state;
	const char *isolation;
	const struct device **group, **reset_set;
	size_t n_group, n_reset_set;
};

struct bus_lease_device {
	const char *address;
	int fd; /* -1 when there is none for the client */
	uint32_t devid, ioas; /* 0: none */
	int group;
	char *const *reset_set;
	bool reset_set_owned;
};

struct bus_lease {
	const char *id;
	uid_t uid;
	pid_t pid;
	const char *unit, *label;
	const char *handover, *backend, *state;
	bool reset_set_owned;
	uint64_t since; /* CLOCK_REALTIME, microseconds */
	int iommu_fd;   /* -1: none for the client */
	uint32_t ioas;
	const struct bus_lease_device *devices; /* the requested ones */
	size_t n_devices;
};

struct bus_handlers {
	/* 1 with *ret filled, 0 when there is no such device. */
	int (*device)(void *userdata, const char *address, struct bus_device *ret);
	/* The snapshot whose devices are listed; borrowed. */
	const struct topology *(*topology)(void *userdata);
	/* 1 with *ret filled, 0 when there is none or the peer may not see it. */
	int (*lease)(void *userdata, const struct peer *peer, const char *id, struct bus_lease *ret);
	/* Allocated vector of the ids that the peer may see. */
	int (*leases)(void *userdata, const struct peer *peer, char ***ret);
	/* Charges a call, more for a big reply; -EDQUOT refuses it. */
	int (*charge)(void *userdata, const struct peer *peer, unsigned cost);
	/* Charges a call that waits for polkit until its end; -EDQUOT, -EUSERS. */
	int (*wait_begin)(void *userdata, uid_t uid);
	void (*wait_end)(void *userdata, uid_t uid);
	/* Whether there is such a lease, whoever may see it. */
	bool (*lease_exists)(void *userdata, const char *id);

	/* The handlers below own call and must see to its one reply; the caller is authorised to ask
	 * for what they do. What is in peer and r they may take, leaving NULL or zeroes behind. */
	void (*acquire)(void *userdata, struct peer **peer, struct bus_request *r,
		struct bus_call *call);
	void (*explain)(void *userdata, struct peer **peer, struct bus_request *r,
		struct bus_call *call);
	/* What the host does with a device that is there. */
	void (*host_use)(void *userdata, struct peer *peer, const char *address,
		struct bus_call *call);
	void (*reload)(void *userdata, struct peer *peer, struct bus_call *call);
	void (*reset)(void *userdata, struct peer *peer, const char *lease, bool hot,
		struct bus_call *call);
	void (*release)(void *userdata, struct peer *peer, const char *lease,
		struct bus_call *call);
	/* reason NULL: clear. */
	void (*quarantine)(void *userdata, const struct peer *peer, const char *address,
		const char *reason, struct bus_call *call);
};

struct bus;

/*
 * Connects to the system bus, registers the objects, then asks for the name, so that nobody sees
 * the name without the objects. handlers must outlive the bus.
 */
int bus_new(sd_event *event, const struct bus_handlers *handlers, void *userdata,
	struct bus **ret);
void bus_free(struct bus *b);
DEFINE_CLEANUP(struct bus *, bus_free);

/* Tells one bus from another, over restarts of it and of the daemon. */
#define BUS_ID_SIZE 33
int bus_get_id(struct bus *b, char ret[BUS_ID_SIZE]);

void bus_device_added(struct bus *b, const char *address);
void bus_device_removed(struct bus *b, const char *address);
/* State, Driver and what else may change of a device. */
void bus_device_changed(struct bus *b, const char *address);

/* ResetSetOwned of a lease changed: told to its holder (a unique name) alone. */
void bus_lease_changed(struct bus *b, const char *id, const char *holder);

/* fds are duplicated into the message; hold_fd stays the caller's. */
void bus_reply_acquired(struct bus_call *call, const struct bus_lease *lease, int hold_fd);
void bus_reply_explained(struct bus_call *call, const struct decision *d);
/* The value of Device.HostUse; f NULL: there is none. */
void bus_reply_host_use(struct bus_call *call, const struct host_use_facts *f);
void bus_reply_empty(struct bus_call *call);
/* A refusal of the core, in the findings' own words. */
void bus_reply_refused(struct bus_call *call, const struct decision *d);
/* The kernel failed an operation: Error.Kernel, with errno's name in the message. */
void bus_reply_kernel(struct bus_call *call, const char *format, ...) PRINTF_LIKE(2, 3);
/* Somebody else uses the device past the daemon: Error.InUse. */
void bus_reply_in_use(struct bus_call *call, const char *format, ...) PRINTF_LIKE(2, 3);
/* The assignment journal could not be written, so nothing was done: Error.Journal. */
void bus_reply_journal(struct bus_call *call, int error);
/* Anything else: the one place where -errno becomes a D-Bus error. */
void bus_reply_errno(struct bus_call *call, int error, const char *format, ...)
	PRINTF_LIKE(3, 4);
