// Bundles src/. The same sources give the same bytes.
//
//   node build.mjs             dist/: the package and its types
//   node build.mjs --weights   with the model that ships with the Python package, too, as `npm pack` needs it; it is exported by
//                              the Python that the environment variable PYTHON names, which has jsl-seq2seq
//   node build.mjs --test      build/: the tests
//   node build.mjs --site      in the Python package: what `export --format web` writes for the browser (or --site FOLDER)
import { build } from "esbuild";
import { execFileSync } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { minify } from "terser";
import wabt from "wabt";

const here = fileURLToPath(new URL(".", import.meta.url));
process.chdir(here);

/** The character that a zero is written as. Arrays of bytes count modulo 256. */
const ZERO = "0".charCodeAt(0);

/** Bytes as an expression: a character for each compresses to less than base64, most of all if zeros need no escape. */
const asCharacters = (bytes) =>
  `Uint8Array.from(${JSON.stringify(bytes.map((one) => one + ZERO).toString("latin1"))}, (one) => one.charCodeAt(0) - ${ZERO})`;

/** The same for files that are kept as texts. */
const asBase64 = (bytes) => `Uint8Array.from(atob("${bytes.toString("base64")}"), (one) => one.charCodeAt(0))`;

/** kernels.wat as its bytes in WebAssembly. */
const wat = (expression) => ({
  name: "wat",
  setup({ onLoad }) {
    onLoad({ filter: /\.wat$/ }, async ({ path }) => {
      const module = (await wabt()).parseWat(path, await readFile(path, "utf8"), { simd: true });
      module.validate();
      return { contents: `export default ${expression(Buffer.from(module.toBinary({}).buffer))}` };
    });
  },
});

/** The Worker's script as one string. */
const workerText = {
  name: "worker-text",
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^worker-text$/ }, () => ({ path: "worker-text", namespace: "worker-text" }));
    onLoad({ filter: /.*/, namespace: "worker-text" }, async () => {
      const [worker] = await bundled(["src/worker.ts"], { format: "iife" });
      return { contents: await small(worker.text), loader: "text" };
    });
  },
};

/** What is imported when it is needed is a file of its own. */
const later = {
  name: "later",
  setup({ onResolve }) {
    onResolve({ filter: /^\./ }, ({ path, kind }) =>
      kind === "dynamic-import" ? { path: path.replace(/\.ts$/, ".js"), external: true } : undefined,
    );
  },
};

/** Each entry with all that it imports, as `{ name, text }`. */
async function bundled(entryPoints, options) {
  const { outputFiles } = await build({
    absWorkingDir: here,
    entryPoints,
    outdir: "dist",
    write: false,
    bundle: true,
    minify: true,
    charset: "utf8",
    format: "esm",
    target: "es2022",
    plugins: [wat(asCharacters)],
    ...options,
  });
  return outputFiles.map(({ path, text }) => ({ name: basename(path), text }));
}

/** esbuild's JavaScript as even less JavaScript: 4 % of it when compressed. A module's own names may change. */
async function small(text, module = true) {
  const { code } = await minify(text, {
    module,
    ecma: 2022,
    // unsafe only for what is called with `new`
    compress: { passes: 3, unsafe_arrows: true, unsafe_methods: true },
    format: { ascii_only: false },
  });
  return code;
}

async function buildPackage() {
  await rm("dist", { recursive: true, force: true });
  const entries = ["index", "int8", "engine", "sha256-computed"].map((name) => `src/${name}.ts`);
  const tsc = fileURLToPath(import.meta.resolve("typescript/bin/tsc"));
  execFileSync(process.execPath, [tsc, "--project", "tsconfig.build.json"], { stdio: "inherit" });
  for (const path of await readdir("dist", { recursive: true })) {
    if (!path.endsWith(".ts")) continue;
    // the imports name the sources, which are not in the package
    const text = await readFile(join("dist", path), "utf8");
    await writeFile(join("dist", path), text.replaceAll(/(from "\.[^"]*)\.ts"/g, '$1.js"'));
  }
  for (const { name, text } of await bundled(entries, { plugins: [wat(asCharacters), workerText, later] })) {
    await writeFile(join("dist", name), await small(text));
  }
}

async function addWeights() {
  const out = await mkdtemp(join(tmpdir(), "jsl-seq2seq-"));
  const python = process.env.PYTHON ?? (process.platform === "win32" ? "python" : "python3");
  try {
    execFileSync(python, ["-m", "jsl_seq2seq", "export", "--quiet", "--format", "web", out], { stdio: ["ignore", "ignore", "inherit"] });
    await copyFile(join(out, "model.int8.bin"), "dist/model.int8.bin");
  } catch (error) {
    console.error(`付属のモデルを ${python} で書き出せません: ${error.message}`);
    console.error("  → 環境変数 PYTHON に、jsl-seq2seq の入った Python を指定してください。");
    process.exitCode = 1;
  }
  await rm(out, { recursive: true });
  await copyFile("../LICENSE", "LICENSE");
}

async function buildTests() {
  await rm("build", { recursive: true, force: true });
  await mkdir("build");
  const tests = (await readdir("test")).filter((name) => name.endsWith(".ts")).map((name) => `test/${name}`);
  const options = { platform: "node", plugins: [wat(asCharacters), workerText], minify: false, sourcemap: "inline" };
  for (const { name, text } of await bundled(tests, options)) await writeFile(join("build", name), text);
}

async function buildSite(folder = "../src/jsl_seq2seq/assets/site") {
  for (const [entry, globalName] of [["client", "jslClient"], ["worker"]]) {
    const options = { format: "iife", globalName, plugins: [wat(asBase64)] };
    const [{ name, text }] = await bundled([`src/site/${entry}.ts`], options);
    const code = await small(text, !globalName);
    await writeFile(join(folder, name), `// Made of web/src/site/${entry}.ts by web/build.mjs --site.\n${code}\n`);
  }
}

const [what, folder] = process.argv.slice(2);
if (what === "--site") await buildSite(folder);
else if (what === "--test") await buildTests();
else {
  await buildPackage();
  if (what === "--weights") await addWeights();
}
