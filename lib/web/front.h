/* HTTP as a protocol of lib/front: every connection is a stranger's. */
#ifndef WEB_FRONT_H
#define WEB_FRONT_H

#include "front/front.h"

/* The listener's arg is the struct web_site. */
extern const struct front_proto web_front;

#endif
