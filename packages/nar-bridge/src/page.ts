/** What a browser shows at the address of a cache. */
export function frontPage(
  publicKeys: readonly string[],
  { private: isPrivate = false }: { readonly private?: boolean | undefined },
): string {
  const keys = publicKeys.map(escape).join(" ")
  const trust =
    keys === "" ? "<p>This cache signs nothing: clients need the keys of whoever built what they take from it.</p>" : ""
  const token = isPrivate ? "<p>Reading needs a token: put it into <code>netrc</code> as the password.</p>" : ""
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Nix binary cache</title>
<style>
  body { max-width: 44rem; margin: 3rem auto; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif }
  pre { padding: 1rem; overflow-x: auto; background: #8882; border-radius: .4rem }
  :root { color-scheme: light dark }
</style>
<h1>Nix binary cache</h1>
<p>To take from it, in <code>nix.conf</code>:</p>
<pre>extra-substituters = <span class="here">http://…</span>
${keys === "" ? "" : `extra-trusted-public-keys = ${keys}\n`}</pre>
${trust}${token}
<p>To look at a path, and to put one here with its closure:</p>
<pre>nix path-info --store <span class="here">http://…</span> /nix/store/…
nix copy --to <span class="here">http://…</span> /nix/store/…</pre>
<p>Writing needs a token, as the password of this host in a file that the setting <code>netrc-file</code> names.</p>
<script>
  for (const place of document.querySelectorAll(".here")) place.textContent = location.origin
</script>
</html>
`
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;")
}
