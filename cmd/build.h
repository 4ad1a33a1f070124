/* What this build is called; all processes of a server are of one build. */
#ifndef CMD_BUILD_H
#define CMD_BUILD_H

#ifndef HM_VERSION
#define HM_VERSION "unknown"
#endif
#define HM_BUILD "hearthmail " HM_VERSION

#endif
