"""The playground in a browser: each part does its work, with the numbers of the Python program."""

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import Page, expect

from clockodile.ambiguous.judge import judge_from, maps_of
from clockodile.app import cli
from clockodile.classify.predictor import load_predictor
from clockodile.core.store import read_checkpoint, shipped_weights
from clockodile.data.dataset import as_tensor
from clockodile.data.files import read_image, to_square
from clockodile.data.stand_in import draw
from clockodile.hybrids.generators.flow import noise_of
from clockodile.hybrids.generators.flow_of_run import flow_from, package_flow
from clockodile.hybrids.quiz import read_answers

pytestmark = pytest.mark.slow
AS_PYTHON = 1e-3
HEAVY = (".onnx", ".gz", "ort.mjs")


@pytest.fixture(scope="module")
def photograph(tmp_path_factory):
    """A file that has to be cut and shrunk."""
    rng = np.random.default_rng(0)
    canvas = Image.fromarray(draw("clock", (1,), 300)).crop((0, 20, 300, 257))
    path = tmp_path_factory.mktemp("photograph") / "mine.png"
    grain = rng.integers(-20, 21, (237, 300, 3))
    Image.fromarray(np.clip(np.asarray(canvas) + grain, 0, 255).astype(np.uint8)).save(path)
    return path


@pytest.fixture(scope="module")
def nets(browser, address):
    """nets(script, given=None): what a script in JavaScript makes of `nets`, the page's arithmetic, and `given`."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(address + "playground.html")
    yield lambda script, given=None: page.evaluate(
        f"async (given) => {{ const nets = await import('/playground/nets.js'); {script} }}", given
    )
    context.close()


@pytest.fixture(scope="module")
def predictor():
    return load_predictor(shipped_weights() / "predictor-compact.safetensors")


def shown(page: Page, part: str) -> list[float]:
    """The exact numbers behind those that are shown, once there are any."""
    page.wait_for_selector(f"{part} [data-value]")
    return page.eval_on_selector_all(f"{part} [data-value]", "all => all.map(one => Number(one.dataset.value))")


def on_easel(page: Page) -> np.ndarray:
    """The picture that the reader sees there, uint8 (1, S, S, 3)."""
    pixels = page.evaluate(
        "Array.from(document.getElementById('easel').getContext('2d').getImageData(0, 0, 32, 32).data)"
    )
    return np.array(pixels, np.uint8).reshape(1, 32, 32, 4)[..., :3]


# --- the start ------------------------------------------------------------------------------------------------


def test_it_starts_with_nothing_heavy(open_page):
    page = open_page("playground.html")
    expect(page.locator("#parts")).to_be_visible()
    assert page.locator("#unready").is_hidden()
    assert not [url for url in page.asked if url.endswith(HEAVY)]
    sizes = page.evaluate("performance.getEntriesByType('resource').map(one => one.encodedBodySize)")
    assert sum(sizes) < 250_000


def test_without_webassembly_one_line_says_so(open_page):
    page = open_page("playground.html", before="delete window.WebAssembly")
    expect(page.locator("#unready")).to_contain_text("lacks WebAssembly")
    assert page.locator("#parts").is_hidden()


def test_a_net_that_does_not_come_is_one_line_and_may_come_later(open_page):
    page = open_page("playground.html")
    page.context.route("**/attack.onnx", lambda route: route.abort())
    page.click("#victims button >> nth=0")
    expect(page.locator("#attack-said")).to_contain_text("That did not work: the net could not be fetched")
    page.context.unroute_all()
    page.click("#victims button >> nth=0")
    expect(page.locator("#epsilon")).to_be_enabled()
    page.complaints.clear()  # of the browser, about the file that did not come


# --- a picture ------------------------------------------------------------------------------------------------


def test_a_photograph_is_judged_as_by_predict_and_rank(open_page, photograph, predictor):
    page = open_page("playground.html")
    page.wait_for_selector("#parts")  # until then nobody listens
    page.set_input_files("#file", photograph)
    said = shown(page, "#said")
    expected, _ = read_image(photograph, 32)
    assert np.abs(on_easel(page).astype(int) - expected[None]).max() <= 1  # roundings
    assert said == pytest.approx(predictor.probabilities(on_easel(page))[0], abs=AS_PYTHON)
    page.click("#ask-judge")
    judge = judge_from(read_checkpoint(shipped_weights() / "judge.safetensors"))
    evidence = judge.evidence(maps_of(on_easel(page)))[0]
    assert shown(page, "#plane-said") == pytest.approx(evidence, abs=AS_PYTHON)
    expect(page.locator("#plane circle")).to_have_count(1)


@pytest.mark.parametrize("side", [20, 32, 75, 500])
def test_pictures_are_shrunk_as_the_training_images_were(nets, side):
    """Of pixels that a formula gives, so that they need not be sent to the browser."""
    rgba = (np.arange(4 * side**2) ** 2 // 7 % 256).astype(np.uint8).reshape(side, side, 4)
    rgba[..., 3] = 255
    expected = np.asarray(to_square(Image.fromarray(rgba).convert("RGB"), 32)).transpose(2, 0, 1)
    found = nets(
        "const value = (_, i) => (i % 4 === 3 ? 255 : Math.floor(i ** 2 / 7) % 256);"
        "const rgba = Uint8ClampedArray.from({ length: 4 * given ** 2 }, value);"
        "return Array.from(nets.shrink(rgba, given));",
        side,
    )
    off = np.abs(255 * np.array(found).reshape(3, 32, 32) - expected)
    assert off.max() < 1.01 and off.mean() < 0.1, "levels of 255"


def test_one_can_draw_with_the_keyboard_and_the_mouse(open_page):
    page = open_page("playground.html")
    page.click("#blank")
    page.focus("#easel")
    for key in ("ArrowLeft", "ArrowUp", "Space"):
        page.keyboard.press(key)
    dark = on_easel(page)[0].max(-1) < 100
    assert dark.sum() == 4 and dark[15:17, 15:17].all()
    box = page.locator("#easel").bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 20, box["y"] + 20)
    page.mouse.up()
    assert (on_easel(page)[0].max(-1) < 100).sum() > 50
    assert sum(shown(page, "#said")) == pytest.approx(1)


def test_the_camera_is_taken_and_given_back(open_page):
    page = open_page("playground.html")
    page.click("#camera")
    page.wait_for_function("document.getElementById('video').videoWidth > 0")
    page.click("#shoot")
    shown(page, "#said")
    assert page.locator("#viewfinder").is_hidden() and page.evaluate(
        "document.getElementById('video').srcObject === null"
    )


# --- from clock to crocodile --------------------------------------------------------------------------------


def test_a_seed_is_the_noise_of_the_python_program(nets):
    seeds = [0, 7, 2**31 - 1]
    found = nets("return given.map((seed) => Array.from(nets.noiseOf(seed)));", seeds)
    assert np.array(found) == pytest.approx(noise_of(seeds, 32).reshape(3, -1).numpy(), abs=1e-5)


@pytest.mark.parametrize("way, mix", [("both", 0.4), ("placed", 0.5), ("placed", 1)])
def test_a_walk_ends_at_the_picture_of_the_python_program(nets, monkeypatch, way, mix):
    # some processors compute the flow in 16 bits, and differ from others by a hundredth
    monkeypatch.setattr("clockodile.hybrids.generators.flow.fast_bfloat16", lambda device: False)
    flow = flow_from(package_flow(), ("clock", "crocodile"))
    found = nets(
        "const about = await (await fetch('/playground/pictures.json')).json();"
        "return Array.from(await nets.walk(given, about.labels));",
        {"way": way, "mix": mix, "guidance": 4, "seed": 3},
    )
    expected = getattr(flow, way)([3], mix=mix, guidance=4.0)[0]
    off = np.abs(np.array(found).reshape(3, 32, 32) - expected.numpy())
    assert off.max() < AS_PYTHON


def test_the_slider_draws_anew_and_the_picture_can_be_judged(open_page):
    page = open_page("playground.html")
    page.click("#walk .main")
    expect(page.locator("#walk-said")).to_contain_text("Done: seed 5, 0 %")
    assert page.locator("#strip canvas").count() == 16
    page.fill("#mix", "1")
    expect(page.locator("#walk-said")).to_contain_text("Done: seed 5, 100 %")
    page.click("#walk-to-easel")
    assert shown(page, "#said")[1] > 0.5, "asked for a crocodile"


# --- the quiz -----------------------------------------------------------------------------------------------


def test_answers_are_counted_and_can_be_pooled(open_page, tmp_path):
    page = open_page("playground.html")
    page.click("#quiz button")
    for number in range(30):
        page.keyboard.press("1234"[number % 4])
    with page.expect_download() as download:
        page.click("#quiz a[download]")
    file = tmp_path / "class" / "01.csv"
    download.value.save_as(file)
    answers = read_answers(file, ("clock", "crocodile", "both", "neither"))
    assert len(answers) == 30 and answers["source"].nunique() == 5
    assert answers["answer"].value_counts().to_dict() == {"clock": 8, "crocodile": 8, "both": 7, "neither": 7}
    assert cli.main(["pool", str(file.parent), "--out", str(tmp_path / "pooled")]) == 0
    assert page.locator("#quiz tbody tr").count() == 5 and page.locator("#quiz .review canvas").count() == 30
    other = file.with_name("other.csv")
    other.write_text("picture,source,answer\n1-0000,drawings,clock\n")
    page.set_input_files("#class-files", [file, file, other])
    expect(page.locator("#class-said")).to_contain_text("2 of 3 files counted")
    expect(page.locator("#class-said")).to_contain_text("other.csv")
    assert page.locator("#class-said tbody tr").count() == 5


def test_answers_survive_a_reload_and_are_forgotten_only_when_asked(open_page):
    page = open_page("playground.html")
    page.click("#quiz button")
    for _ in range(30):
        page.keyboard.press("4")
    page.keyboard.press("Tab")  # from the download to the button that begins again
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.keyboard.press("Enter")
    assert page.locator("#quiz a[download]").count() == 1
    page.reload()
    page.click("#quiz >> text=go on where I was")
    assert page.locator("#quiz .review canvas").count() == 30
    page.once("dialog", lambda dialog: dialog.accept())
    page.click("#quiz >> text=start again")
    expect(page.locator("#quiz button")).to_have_text("show me the first")


def test_one_can_go_back_in_the_quiz(open_page):
    page = open_page("playground.html")
    page.click("#quiz button")
    page.click("#quiz .answers button >> nth=1")
    expect(page.locator("#quiz [role=status]")).to_contain_text("Picture 2 of 30")
    page.click("#quiz >> text=back")
    expect(page.locator("#quiz [role=status]")).to_contain_text("Picture 1 of 30")


# --- the attack ---------------------------------------------------------------------------------------------


def test_the_slope_is_the_gradient_of_the_python_net(nets, predictor):
    net = predictor.models[0]
    image = as_tensor(np.random.default_rng(1).integers(0, 256, (1, 32, 32, 3), dtype=np.uint8)).requires_grad_()
    logits = net(image)
    (logits[0, 0] - logits[0, 1]).backward()
    found = nets(
        "const one = nets.batch([new Float32Array(given)]);"
        "const { logits, slope } = await nets.ask('attack', { images: one, at: one });"
        "return [Array.from(logits), Array.from(slope)];",
        image.detach().flatten().tolist(),
    )
    assert found[0] == pytest.approx(logits[0].tolist(), abs=AS_PYTHON)
    scale = image.grad.abs().max().item()
    assert np.abs(np.array(found[1]) - image.grad.numpy().ravel()).max() < AS_PYTHON * scale


def test_the_answer_flips_where_it_flips_in_python(open_page, predictor):
    page = open_page("playground.html")
    page.click("#victims button >> nth=4")
    expect(page.locator("#epsilon")).to_be_enabled()
    flips = int(page.get_attribute("#attack-said", "data-flips"))
    assert 0 < flips < 25
    before = page.evaluate(
        "Array.from(document.getElementById('before').getContext('2d').getImageData(0, 0, 32, 32).data)"
    )
    image = as_tensor(np.array(before, np.uint8).reshape(1, 32, 32, 4)[..., :3]).requires_grad_()
    net = predictor.models[0]
    logits = net(image).double()
    answer = logits.argmax(1)
    torch.nn.functional.cross_entropy(logits, answer).backward()
    moved = [(image + e / 255 * image.grad.sign()).clamp(0, 1) for e in (flips - 1, flips)]
    assert [bool(net(one).argmax(1) == answer) for one in moved] == [True, False]
    page.fill("#epsilon", str(flips))
    probability = net(moved[1]).softmax(1)[0].tolist()
    assert shown(page, "#after-said") == pytest.approx(probability, abs=AS_PYTHON)
