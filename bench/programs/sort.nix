# Sorts 200,000 numbers in no order, with a comparison that is a function of the program.
let
  inherit (builtins)
    bitAnd
    elemAt
    foldl'
    genList
    sort
    ;
  count = 200000;
  numbers = genList (n: bitAnd (n * 1103515245 + 12345) 1048575) count;
  sorted = sort (a: b: a > b) numbers;
in
{
  first = elemAt sorted 0;
  middle = elemAt sorted (count / 2);
  last = elemAt sorted (count - 1);
  # Depends on the place of every element.
  digest = foldl' (digest: n: bitAnd (digest * 31 + n) 4294967295) 7 sorted;
}
