/*
 * A plot as inline SVG: one series of numbers, as bars or as a line, from 0 to
 * its largest.  Pure; a text beside it says what it shows to those who do not
 * see it.
 */
#ifndef WEB_ADMIN_PLOT_H
#define WEB_ADMIN_PLOT_H

#include <stdbool.h>
#include <stdint.h>

#include "clients/xml.h"

#define PLOT_POINTS_MAX 400

struct plot {
	struct sv label;   /* its title, for programs that read aloud */
	const int64_t *at; /* -1: nothing is known of that time */
	size_t n;	   /* at most PLOT_POINTS_MAX are shown */
	bool line;	   /* else bars */
};

void plot_write(struct xml *x, const struct plot *p);
/* The largest; 0: there is none. */
int64_t plot_most(const struct plot *p);

#endif
