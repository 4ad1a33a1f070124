/*
 * The fields of ARC on a message, put together into sets [RFC 8617 4.2, 5.2].
 */
#ifndef MSGAUTH_ARC_SETS_H
#define MSGAUTH_ARC_SETS_H

#include "msgauth/arc.h"

struct arc_set {
	struct mail_field aar, ams, seal; /* name.p == NULL: none */
	struct sv results;		  /* of aar, behind "i=1;" */
	enum auth_result cv;		  /* of seal; PERMERROR: unreadable */
};

struct arc_sets {
	struct arc_set set[ARC_MAX + 1]; /* from 1 on */
	unsigned n; /* the highest instance; 0: there is no ARC field */
	bool any;
	enum arc_reason broken; /* what is wrong with the structure */
};

/* Slices point into the fields' header. */
void arc_sets_read(const struct fieldset *fields, struct arc_sets *out);

#endif
