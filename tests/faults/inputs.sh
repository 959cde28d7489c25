#!/usr/bin/env bash
# Row 19 of the table: data, models, checkpoints, run files and tables of an enemy's: each is refused within a
# second of computing and a gigabyte, in a line that names it, and no other file is opened for it.
. "$(dirname "$0")/common.bash"
hostile=$(dirname "$program")/tests/fault-hostile
make_points_run
run lockstep train points.yaml -o whole --quiet
status 0
echo 123,456 >secret

limited() { # ARGUMENTS...: the program, and in the file opened what it opens
    rm -f opened
    FAULT_UNDER=/nowhere FAULT_MODE=count FAULT_OPENED=$PWD/opened LD_PRELOAD=$shim bash -c \
        'ulimit -v 1000000; ulimit -t 1; ulimit -c 0; exec timeout 20 "$0" "$@"' "$program" "$@"
}
refused_within() { # NAME ARGUMENTS...: 65, one line with the name
    local name=$1
    shift
    run limited "$@"
    status 65
    says_like "*$name*"
    [ -s opened ] || fail "expected to see what it opens"
    ! grep -q secret opened || fail "another file was opened"
}

# The limits are none for what is right.
run limited evaluate whole --data points.h5:test
status 0
run limited train points.yaml -o again --quiet
status 0
grep -q "points.h5" opened || fail "expected to see that the data are opened"

# -- HDF5: data, a checkpoint with the digest that it then has, a file of Keras'
kinds="external link virtual filter huge late vlen compound loop cycle deep"
keras=$tests/reference/perceptron_xor.h5
for kind in $kinds; do
    cp points.h5 bad.h5
    "$hostile" bad.h5 /train/x "$kind" || exit 1
    refused_within bad.h5 train points.yaml -o new --data bad.h5:train
    absent new
    for dataset in /model_weights/dense/sequential/dense/kernel /lockstep/slots/velocity/dense/kernel; do
        rm -rf again
        cp -r whole again
        rm again/model.h5 again/checkpoints/step-0000001*
        cp again/checkpoints/step-00000030.h5 bad.h5
        "$hostile" bad.h5 $dataset "$kind" || exit 1
        cp bad.h5 again/checkpoints/step-00000030.h5
        refused_within bad.h5 summary bad.h5
        refused_within step-00000030.h5 train points.yaml -o again --resume --epochs 4
    done
    cp "$keras" bad.h5
    "$hostile" bad.h5 /model_weights/dense/perceptron_xor/dense/kernel "$kind" || exit 1
    refused_within bad.h5 evaluate bad.h5 --data points.h5:test
done

# -- run files
nested() { # OPEN CLOSE COUNT
    printf "%.0s$1" $(seq "$3")
    printf "%.0s$2" $(seq "$3")
}
{ echo -n "model: "; nested "[" "]" 50000; } >deep.yaml
{ echo "a: &a [x, x, x, x, x, x, x, x, x]"
  for i in b c d e f g h i j; do
      before=$(printf "\\$(printf %o $(($(printf %d "'$i") - 1)))")
      echo "$i: &$i [$(printf "*$before, %.0s" 1 2 3 4 5 6 7 8)*$before]"
  done; } >laughs.yaml
{ cat points.yaml; printf 'fit: {\0}\n'; } >zero.yaml
head -c 100000 /dev/urandom >noise.yaml
sed 's/units: 16/units: 9223372036854775807/' points.yaml >units.yaml
sed 's/shape: \[2\]/shape: [2147483647, 2147483647, 2147483647]/' points.yaml >shape.yaml
sed 's/points.h5:train/whole/' points.yaml >directory.yaml
for file in deep laughs zero noise units shape; do refused_within $file.yaml train $file.yaml -o new; done
absent new

# -- Keras' JSON and archives
{ echo -n '{"class_name": "Sequential", "config": '; nested '[' ']' 100000; echo '}'; } >deep.json
echo '{"class_name": "Sequential", "config": {"layers": [{"class_name": "Lambda", "config": {"function": "exec"}}]}}' >lambda.json
head -c 3000 /dev/zero >zeros.keras
run lockstep export whole -o m.keras
head -c 2000 m.keras >cut.keras
for file in deep.json lambda.json zeros.keras cut.keras; do refused_within $file summary $file; done

# -- what is imported
{ bytes 0 0 8 3 127 255 255 255 127 255 255 255 127 255 255 255; } >huge-idx
{ bytes 0 0 8 1 0 0 0 2 1 2; } >labels-idx
head -c 5000000 /dev/zero | tr '\0' , >wide.csv
{ echo 'x,y,kind'; printf '"'; head -c 5000000 /dev/zero | tr '\0' a; } >quote.csv
head -c 100000 /dev/urandom >noise.csv
refused_within huge-idx import idx huge-idx labels-idx -o out.h5
for file in quote noise; do refused_within $file.csv import csv $file.csv --target kind -o out.h5; done
refused_within wide.csv import csv wide.csv --target kind -o out.h5
says "wide.csv:1: more than 1048576 columns"
absent out.h5
finish
