-- Writes to $out what `hello` says, as `sed` would rather have it said.
local hello, sed = os.getenv("programs"):match("(%S+) (%S+)")
local pipe = io.popen(hello .. " | " .. sed .. " 's/world/world, built from nothing/'")
local text = pipe:read("a")
assert(pipe:close())
local out = assert(io.open(os.getenv("out"), "w"))
out:write(text)
out:close()
