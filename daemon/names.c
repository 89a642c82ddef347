/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A sorted table of the ids that this machine has, filled from libpci's database. */
#include <errno.h>
#include <pci/pci.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"
#include "names.h"

struct entry {
	struct names_id id;
	char *vendor, *model;
};

struct names {
	struct entry *entries; /* sorted */
	size_t n;
};

int names_new(struct names **ret)
{
	struct names *n = calloc(1, sizeof(*n));

	if (!n)
		return -ENOMEM;
	*ret = n;
	return 0;
}

void names_free(struct names *n)
{
	if (!n)
		return;
	for (size_t i = 0; i < n->n; i++) {
		free(n->entries[i].vendor);
		free(n->entries[i].model);
	}
	free(n->entries);
	free(n);
}

static int compare(const void *a, const void *b)
{
	const struct names_id *x = &((const struct entry *)a)->id;
	const struct names_id *y = &((const struct entry *)b)->id;

	if (x->vendor != y->vendor)
		return x->vendor < y->vendor ? -1 : 1;
	return (x->device > y->device) - (x->device < y->device);
}

static struct entry *find(struct names *n, uint16_t vendor, uint16_t device)
{
	struct entry key = {{vendor, device}, NULL, NULL};

	return n->n ? bsearch(&key, n->entries, n->n, sizeof(key), compare) : NULL;
}

static char *look_up(struct pci_access *pci, int flags, struct names_id id)
{
	char buffer[256] = "", *name;

	name = pci_lookup_name(pci, buffer, sizeof(buffer),
		flags | PCI_LOOKUP_NO_NUMBERS, id.vendor, id.device);
	return strdup(name ? name : "");
}

static void learn_one(struct names *n, struct pci_access *pci, struct names_id id)
{
	if (!array_reserve(n->entries, n->n))
		return;
	n->entries[n->n] = (struct entry){id, look_up(pci, PCI_LOOKUP_VENDOR, id),
		look_up(pci, PCI_LOOKUP_DEVICE, id)};
	n->n++;
	qsort(n->entries, n->n, sizeof(*n->entries), compare);
}

static void say_nothing(char *format, ...)
{
}

/* libpci calls this when it is out of memory, and does not expect it to come back. */
__attribute__((noreturn)) static void give_up(char *format, ...)
{
	abort();
}

/* Without pci_init(), which looks for access to the bus and exits where there is none. */
static struct pci_access *open_database(void)
{
	struct pci_access *pci = pci_alloc();

	pci->error = give_up;
	pci->warning = say_nothing;
	pci->debug = say_nothing;
	return pci;
}

void names_learn(struct names *n, const struct names_id *ids, size_t count)
{
	struct pci_access *pci = NULL;

	for (size_t i = 0; i < count; i++) {
		if (find(n, ids[i].vendor, ids[i].device))
			continue;
		if (!pci)
			pci = open_database();
		learn_one(n, pci, ids[i]);
	}
	if (pci)
		pci_cleanup(pci);
}

bool names_known(struct names *n, uint16_t vendor, uint16_t device)
{
	return find(n, vendor, device) != NULL;
}

const char *names_vendor(struct names *n, uint16_t vendor, uint16_t device)
{
	const struct entry *e = find(n, vendor, device);

	return e && e->vendor ? e->vendor : "";
}

const char *names_model(struct names *n, uint16_t vendor, uint16_t device)
{
	const struct entry *e = find(n, vendor, device);

	return e && e->model ? e->model : "";
}
