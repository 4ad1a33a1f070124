/*
 * The process that reads reports: one mail at a time, from a descriptor that is
 * a copy for it alone.  It has no files, no network and no other mail, and
 * leaves when nothing more comes: what a mail does to it, it does to nobody
 * else.
 */
#ifndef REPORT_SERVICE_H
#define REPORT_SERVICE_H

#include "base/ev.h"
#include "report/record.h"

struct report_service;

struct report_service_opts {
	struct ev_loop *loop;
	/* Is a report about that domain ours to read? */
	bool (*is_ours)(void *arg, struct sv domain);
	/* Takes what was read; valid until it returns. */
	void (*keep)(void *arg, const struct report_record *r);
	/* Nothing has come for a while; false: ask again. */
	bool (*idle)(void *arg);
	void *arg;
	int64_t idle_ms;
};

struct report_service *report_service_new(const struct report_service_opts *o);
void report_service_free(struct report_service **s);
/* A line to one who hands mail over; takes fd. */
void report_service_add_client(struct report_service *s, int fd);

#endif
