mkdir "$out"
echo "$name" > "$out/what"
