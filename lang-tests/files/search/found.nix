"found"
