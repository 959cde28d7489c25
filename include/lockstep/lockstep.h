/* lockstep.h: all of the library but lockstep/mpi.h. */
#ifndef LOCKSTEP_LOCKSTEP_H
#define LOCKSTEP_LOCKSTEP_H

#include "lockstep/comm.h"
#include "lockstep/data.h"
#include "lockstep/evaluation.h"
#include "lockstep/model.h"
#include "lockstep/plugin.h"
#include "lockstep/report.h"
#include "lockstep/run.h"
#include "lockstep/status.h"

#endif
