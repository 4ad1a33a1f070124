#include "web/admin/plot.h"

#include <stdio.h>

#define WIDTH  560
#define HEIGHT 80

int64_t
plot_most(const struct plot *p)
{
	int64_t most = 0;
	size_t i;

	for (i = 0; i < p->n; i++)
		if (p->at[i] > most)
			most = p->at[i];
	return most;
}

/* So high above the ground; what is not nothing can be seen. */
static unsigned
height_of(int64_t n, int64_t most)
{
	unsigned h;

	if (n <= 0 || most <= 0)
		return 0;
	h = (unsigned)((double)n / (double)most * HEIGHT);
	return h > 0 ? h : 1;
}

static unsigned
place_of(size_t i, size_t n)
{
	return (unsigned)(i * WIDTH / (n > 0 ? n : 1));
}

static void
write_bars(struct xml *x, const struct plot *p, size_t n, int64_t most)
{
	char attributes[160];
	size_t i;

	for (i = 0; i < n; i++) {
		unsigned left = place_of(i, n), h = height_of(p->at[i], most);
		unsigned width = place_of(i + 1, n) - left;

		if (h == 0)
			continue;
		(void)snprintf(attributes, sizeof attributes,
		    "x=\"%u\" y=\"%u\" width=\"%u\" height=\"%u\"", left + 1,
		    HEIGHT - h, width > 3 ? width - 2 : 1, h);
		xml_start(x, "rect");
		xml_attrs(x, attributes);
		xml_start_leaf(x, SV(""));
	}
}

/* A line for each run of what is known. */
static void
write_line(struct xml *x, const struct plot *p, size_t n, int64_t most)
{
	struct buf points;
	size_t i;

	buf_init(&points, PLOT_POINTS_MAX * 16);
	for (i = 0; i <= n; i++) {
		if (i < n && p->at[i] >= 0) {
			buf_addf(&points, "%s%u,%u", points.n > 0 ? " " : "",
			    place_of(i, n), HEIGHT - height_of(p->at[i], most));
			continue;
		}
		if (points.n == 0)
			continue;
		/* One alone is seen, too. */
		if (sv_chr(buf_sv(&points), ' ') == points.n)
			buf_addf(&points, " %u,%u", place_of(i, n),
			    HEIGHT - height_of(p->at[i - 1], most));
		xml_start(x, "polyline");
		xml_attr(x, "points", buf_sv(&points));
		xml_start_leaf(x, SV(""));
		buf_reset(&points);
	}
	buf_fini(&points);
}

void
plot_write(struct xml *x, const struct plot *p)
{
	size_t n = p->n < PLOT_POINTS_MAX ? p->n : PLOT_POINTS_MAX;
	int64_t most = plot_most(p);
	char attributes[160];

	(void)snprintf(attributes, sizeof attributes,
	    "class=\"plot %s\" viewBox=\"0 0 %d %d\" role=\"img\"",
	    p->line ? "line" : "bars", WIDTH, HEIGHT + 2);
	xml_start(x, "svg");
	xml_attrs(x, attributes);
	xml_attr(x, "aria-label", p->label);
	xml_start_open(x);
	if (p->line)
		write_line(x, p, n, most);
	else
		write_bars(x, p, n, most);
	(void)snprintf(attributes, sizeof attributes,
	    "class=\"ground\" x1=\"0\" x2=\"%d\" y1=\"%d\" y2=\"%d\"", WIDTH,
	    HEIGHT + 1, HEIGHT + 1);
	xml_start(x, "line");
	xml_attrs(x, attributes);
	xml_start_leaf(x, SV(""));
	xml_close(x);
}
