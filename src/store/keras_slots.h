/* The optimizer's state in Keras' files: a list of variables, in the order iteration, learning rate
 * (not in files of Keras 2), slots; by name in /optimizer_weights of an .h5 file, by number in
 * /optimizer/vars of an archive. */
#ifndef STORE_KERAS_SLOTS_H
#define STORE_KERAS_SLOTS_H

#include "store/checkpoint.h"
#include "store/h5.h"

/* Reads what there is of it (nothing is right too) into a checkpoint that has its model and
 * compile. A learning rate in it goes into compile. What cannot be taken (an optimizer that is not
 * known here, other counts or shapes) is told in checkpoint->slots_refused, not by the status. */
ls_status ls_keras_slots_read_names(const struct ls_h5 *h5, struct ls_checkpoint *checkpoint);
ls_status ls_keras_slots_read_numbers(const struct ls_h5 *h5, struct ls_checkpoint *checkpoint);

/* Writes it: slots that the checkpoint has not are zero, as before the first step. The values are
 * borrowed until the image is finished. Nothing is written for a model that is not compiled, or
 * compiled with an optimizer that is not known here. */
ls_status ls_keras_slots_write_names(struct ls_h5_image *image,
                                     const struct ls_checkpoint *checkpoint);
ls_status ls_keras_slots_write_numbers(struct ls_h5_image *image,
                                       const struct ls_checkpoint *checkpoint);

#endif
