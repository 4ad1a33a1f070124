/*
 * What hearthmail.service keeps from the service: home folders that it does
 * not see, folders that it may not write.  The unit and its drop-ins are read
 * as far as that goes (systemd.exec(5): ProtectHome, ProtectSystem, PrivateTmp,
 * InaccessiblePaths, ReadOnlyPaths, ReadWritePaths, BindPaths,
 * BindReadOnlyPaths, StateDirectory); where there is none nothing is kept.
 */
#ifndef CMD_SUPERVISOR_UNIT_H
#define CMD_SUPERVISOR_UNIT_H

#include <stdbool.h>

#include "base/buf.h"

struct unit {
	char home[16], system[16]; /* values; "": not set */
	bool private_tmp;
	/* Paths, each with a newline behind it. */
	struct buf hidden, read_only, writable, shown, shown_writable;
};

/* root: in front of all paths, for tests; "" is the machine. */
void unit_read(const char *root, struct unit *out);
/* One file's text over what is there already; pure. */
void unit_parse(struct unit *u, struct sv text);
void unit_init(struct unit *u);
void unit_fini(struct unit *u);

/* The service does not see that path; *err says by which line, and the
 * remedy. */
bool unit_hides(const struct unit *u, const char *path, struct err *err);
/* It may not write there, or does not see it. */
bool unit_forbids(const struct unit *u, const char *path, struct err *err);

#endif
