import { Translate } from "./translate";

export default function Page() {
  return (
    <main>
      <h1>日本語 → 手話タグ</h1>
      <Translate />
    </main>
  );
}
