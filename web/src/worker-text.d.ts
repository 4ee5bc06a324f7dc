/** Made by build.mjs: worker.ts with everything that it imports. */
declare module "worker-text" {
  const text: string;
  export default text;
}
